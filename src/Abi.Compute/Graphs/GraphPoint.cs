namespace Abi.Compute.Graphs;

/// <summary>A place in a graph that others may look into.</summary>
/// <param name="Name">A name that is unique in the graph (<c>layers.3</c>).</param>
/// <param name="Block">How many blocks came before it.</param>
/// <param name="Value">The value there.</param>
public sealed record GraphPoint(string Name, int Block, Value Value);
