using System.Collections.Immutable;
using Abi.Cli.Databases;

namespace Abi.Cli.Output;

/// <summary>What a database holds.</summary>
internal sealed record DatabaseInfoResult(string Path, long Sequence, long Bytes, long ReplayedCommits, string? CutReason, ImmutableArray<string> Warnings, ImmutableArray<CollectionJson> Collections);
