using Abi.Compute.Cpu.Kernels;
using Abi.Compute.Cpu.Plans;

namespace Abi.Compute.Cpu.Rows;

/// <summary>A norm or softmax over each run of columns. Weight and bias are null, or [width]; shorter ones were repeated to it.</summary>
internal sealed unsafe class NormRow(NormKind kind, Slot x, int groupWidth, float epsilon, float* weight, float* bias, Slot result) : RowOperation
{
    public override string Name => kind.ToString();

    public override int Cost => 2 * result.Width;

    public override void Run(StepFrame frame, int first, int end, int worker)
    {
        for (var row = first; row < end; row++)
        {
            for (var column = 0; column < result.Width; column += groupWidth)
            {
                var from = x.Row(row) + column;
                var to = result.Row(row) + column;
                var w = weight == null ? null : weight + column;
                var b = bias == null ? null : bias + column;
                switch (kind)
                {
                    case NormKind.RmsNorm: NormKernels.RmsNorm(from, to, groupWidth, epsilon, w, b); break;
                    case NormKind.LayerNorm: NormKernels.LayerNorm(from, to, groupWidth, epsilon, w, b); break;
                    case NormKind.L2Norm: NormKernels.L2Norm(from, to, groupWidth, epsilon); break;
                    default: NormKernels.Softmax(from, to, groupWidth); break;
                }
            }
        }
    }
}
