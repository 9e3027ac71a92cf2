namespace Abi.Cli.Output;

/// <summary>How a vector field is searched: vectors in its graph, and those that still wait for it.</summary>
internal sealed record VectorStats(string Name, string Index, int Linked, int Pending);
