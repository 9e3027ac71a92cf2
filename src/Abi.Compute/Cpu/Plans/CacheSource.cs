using Abi.Compute.Cpu.State;
using Abi.Compute.Devices;
using Abi.Compute.Graphs;

namespace Abi.Compute.Cpu.Plans;

/// <summary>The pages of a layer of the cache.</summary>
internal sealed unsafe class CacheSource(StepFrame frame, CacheLayer layer) : KeyValueSource
{
    private PageShape _shape;
    private byte* _pages;

    public override PageShape Begin()
    {
        _shape = frame.State.Shape(layer);
        _pages = frame.State.Pages(layer);
        return _shape;
    }

    public override int Length(StepSequence sequence) => sequence.Length(layer.Group);

    public override int Position(StepSequence sequence, int row) => frame.Inputs.Positions[row];

    public override byte* Page(int sequence, int page)
    {
        var index = frame.Inputs.Sequences[sequence].Pages(layer.Group)[page];
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((uint)index, (uint)frame.State.Options.Pages, nameof(page));
        return _pages + (index * _shape.PageBytes);
    }
}
