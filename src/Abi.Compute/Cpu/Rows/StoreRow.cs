using Abi.Compute.Cpu.Kernels;
using Abi.Compute.Cpu.Plans;
using Abi.Compute.Devices;
using Abi.Compute.Graphs;

namespace Abi.Compute.Cpu.Rows;

/// <summary>Writes keys and values to their places in the cache.</summary>
internal sealed unsafe class StoreRow(CacheLayer layer, Slot keys, Slot values) : RowOperation
{
    public override string Name => $"Store layer {layer.Index}";

    public override int Cost => 4 * (keys.Width + values.Width);

    public override void Run(StepFrame frame, int first, int end, int worker)
    {
        var shape = frame.State.Shape(layer);
        var pages = frame.State.Pages(layer);
        for (var row = first; row < end; row++)
        {
            var position = frame.Inputs.Positions[row];
            var page = frame.Inputs.Sequences[frame.Inputs.RowSequences[row]].Pages(layer.Group)[position / StateStore.PageLength];
            ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((uint)page, (uint)frame.State.Options.Pages, nameof(page));
            var target = pages + (page * shape.PageBytes);
            for (var head = 0; head < shape.Heads; head++)
            {
                PageKernels.Store(
                    keys.Row(row) + (head * shape.KeySize), values.Row(row) + (head * shape.ValueSize), target + (head * shape.HeadBytes), position % StateStore.PageLength, shape);
            }
        }
    }
}
