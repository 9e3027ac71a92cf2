using Abi.Compute.Cpu.State;
using Abi.Compute.Devices;
using Abi.Compute.Graphs;

namespace Abi.Compute.Cpu.Plans;

/// <summary>Where attention finds pages of keys and values.</summary>
internal abstract unsafe class KeyValueSource
{
    /// <summary>Finds the pages anew for a step.</summary>
    public abstract PageShape Begin();

    /// <summary>How many positions a sequence has.</summary>
    public abstract int Length(StepSequence sequence);

    /// <summary>The position of a token row among them.</summary>
    public abstract int Position(StepSequence sequence, int row);

    /// <summary>The first byte of a page of a sequence.</summary>
    public abstract byte* Page(int sequence, int page);
}
