using System.Collections.Immutable;

namespace Abi.Database;

/// <summary>What opening a database found.</summary>
/// <param name="Sequence">The last commit of the log that was found.</param>
/// <param name="ReplayedCommits">Commits that were read from the log.</param>
/// <param name="CutReason">What was cut off at the log's end, and where; null when it ended cleanly.</param>
/// <param name="Warnings">Graphs that are built anew, collections that are damaged, and what was lost with a salvage, in words.</param>
public sealed record RecoveryReport(long Sequence, long ReplayedCommits, string? CutReason, ImmutableArray<string> Warnings);
