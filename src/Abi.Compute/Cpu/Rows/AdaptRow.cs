using System.Runtime.Intrinsics;
using Abi.Compute.Adapters;
using Abi.Compute.Cpu.Kernels;
using Abi.Compute.Cpu.Plans;
using Abi.Compute.Devices;
using Abi.Compute.Graphs;
using Abi.Compute.Tensors;

namespace Abi.Compute.Cpu.Rows;

/// <summary>
/// Low-rank changes of a product: for each rank in ascending order <c>t = A[r] · x</c> in sixteen lanes, then <c>y += (scale × t) B[r]</c>. Rows of sequences without adapters pass unchanged.
/// </summary>
internal sealed unsafe class AdaptRow(WeightTensor weight, RowSpace rows, Slot x, Slot y, Slot result) : RowOperation
{
    public override string Name => "Adapt";

    public override int Cost => x.Width + y.Width;

    public override void Run(StepFrame frame, int first, int end, int worker)
    {
        for (var row = first; row < end; row++)
        {
            if (result != y)
            {
                new ReadOnlySpan<float>(y.Row(row), y.Width).CopyTo(new Span<float>(result.Row(row), y.Width));
            }

            if (SequenceOf(frame.Inputs, row).Adapters is { } set)
            {
                foreach (var adapter in set.Find(weight))
                {
                    Add(adapter, x.Row(row), x.Width, result.Row(row), y.Width);
                }
            }
        }
    }

    /// <summary>The plain form: <paramref name="x"/> is [columns], <paramref name="y"/> [outputs].</summary>
    internal static void Add(WeightAdapter adapter, float* x, int columns, float* y, int outputs)
    {
        var a = (float*)adapter.A.Address;
        var b = (float*)adapter.B.Address;
        for (var r = 0; r < adapter.Rank; r++, a += columns, b += outputs)
        {
            var sum = Vector512<float>.Zero;
            for (var k = 0; k < columns; k += Lanes.Count)
            {
                sum = Lanes.Fma(Lanes.Load(a + k, columns - k), Lanes.Load(x + k, columns - k), sum);
            }

            var t = Vector512.Create(Lanes.Sum(sum) * adapter.Scale);
            for (var o = 0; o < outputs; o += Lanes.Count)
            {
                Lanes.Store(Lanes.Fma(t, Lanes.Load(b + o, outputs - o), Lanes.Load(y + o, outputs - o)), y + o, outputs - o);
            }
        }
    }

    private StepSequence SequenceOf(StepInputs inputs, int row) => inputs.Sequences[rows switch
    {
        RowSpace.Tokens => inputs.RowSequences[row],
        RowSpace.Outputs => inputs.RowSequences[inputs.OutputRows[row]],
        _ => row,
    }];
}
