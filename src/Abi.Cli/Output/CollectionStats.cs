using System.Collections.Immutable;

namespace Abi.Cli.Output;

/// <summary>The numbers of a collection.</summary>
internal sealed record CollectionStats(string Name, int Records, ImmutableArray<VectorStats> Vectors, string? Damage);
