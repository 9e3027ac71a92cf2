using System.Collections.Immutable;

namespace Abi.Compute.Graphs;

/// <summary>One step of a forward pass, as a meaning in exact arithmetic; a device decides how it is computed.</summary>
/// <param name="Inputs">The values read.</param>
/// <param name="Output">The value made, or null when the operation only writes state.</param>
public abstract record Operation(ImmutableArray<Value> Inputs, Value? Output)
{
    /// <summary>The block of the model it belongs to; -1 before the first.</summary>
    public int Block { get; internal init; } = -1;

    /// <summary>The operation's name, as plans and errors print it.</summary>
    public string Name => GetType().Name;
}
