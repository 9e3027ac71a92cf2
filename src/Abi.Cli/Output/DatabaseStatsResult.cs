using System.Collections.Immutable;

namespace Abi.Cli.Output;

/// <summary>The numbers of a database.</summary>
internal sealed record DatabaseStatsResult(string Path, long Sequence, long Bytes, ImmutableArray<DatabaseFile> Files, ImmutableArray<CollectionStats> Collections);
