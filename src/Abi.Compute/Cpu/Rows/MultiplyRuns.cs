using Abi.Compute.Cpu.Kernels;
using Abi.Compute.Cpu.Plans;

namespace Abi.Compute.Cpu.Rows;

/// <summary>Each column of a narrower b multiplies a run of columns of a.</summary>
internal sealed unsafe class MultiplyRuns(Slot a, Slot b, Slot result) : RowOperation
{
    public override string Name => "Multiply runs";

    public override int Cost => result.Width;

    public override void Run(StepFrame frame, int first, int end, int worker)
    {
        var run = a.Width / b.Width;
        for (var row = first; row < end; row++)
        {
            var x = a.Row(row);
            var factors = b.Row(row);
            var y = result.Row(row);
            for (var i = 0; i < b.Width; i++)
            {
                ElementKernels.Map(x + (i * run), y + (i * run), run, new ScaleLanes(factors[i], 0));
            }
        }
    }
}
