using Abi.Compute.Cpu.Kernels;
using Abi.Compute.Cpu.Plans;
using Abi.Compute.Graphs;

namespace Abi.Compute.Cpu.Rows;

/// <summary>One row of each sequence's token rows.</summary>
internal sealed unsafe class PoolRow(Slot x, PoolingKind kind, Slot result) : RowOperation
{
    public override string Name => $"Pool {kind}";

    public override int Cost => result.Width * 64;

    public override void Run(StepFrame frame, int first, int end, int worker)
    {
        var width = result.Width;
        for (var s = first; s < end; s++)
        {
            var sequence = frame.Inputs.Sequences[s];
            var target = result.Row(s);
            if (sequence.RowCount == 0)
            {
                new Span<float>(target, width).Clear();
                continue;
            }

            var row = kind == PoolingKind.Last ? sequence.FirstRow + sequence.RowCount - 1 : sequence.FirstRow;
            new ReadOnlySpan<float>(x.Row(row), width).CopyTo(new Span<float>(target, width));
            if (kind == PoolingKind.Mean)
            {
                for (var i = 1; i < sequence.RowCount; i++)
                {
                    ElementKernels.Map(target, x.Row(row + i), target, width, default(AddLanes));
                }

                ElementKernels.Map(target, target, width, new DivideLanes(sequence.RowCount));
            }
        }
    }
}
