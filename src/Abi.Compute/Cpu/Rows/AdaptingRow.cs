using Abi.Compute.Adapters;
using Abi.Compute.Cpu.Plans;
using Abi.Compute.Graphs;
using Abi.Compute.Tensors;

namespace Abi.Compute.Cpu.Rows;

/// <summary>Low-rank changes of what a weight made of a row, for the rows whose sequences have adapters for it; the others pass unchanged.</summary>
internal abstract unsafe class AdaptingRow(WeightTensor weight, RowSpace rows, Slot y, Slot result) : RowOperation
{
    public override void Run(StepFrame frame, int first, int end, int worker)
    {
        for (var row = first; row < end; row++)
        {
            if (result != y)
            {
                new ReadOnlySpan<float>(y.Row(row), y.Width).CopyTo(new Span<float>(result.Row(row), y.Width));
            }

            if (frame.Inputs.SequenceOf(rows, row).Adapters is { } set)
            {
                foreach (var adapter in set.Find(weight))
                {
                    Add(adapter, frame, row, result.Row(row));
                }
            }
        }
    }

    /// <summary>Adds one change to a row of the result.</summary>
    protected abstract void Add(WeightAdapter adapter, StepFrame frame, int row, float* y);
}
