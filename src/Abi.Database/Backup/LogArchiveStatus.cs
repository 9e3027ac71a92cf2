namespace Abi.Database;

/// <summary>How far the archive of the log (<see cref="DatabaseOptions.LogArchive"/>) is.</summary>
/// <param name="Sequence">The last commit that is known to be in the archive; 0 while none is. Later ones are in the database's own folder only.</param>
/// <param name="PendingSegments">Finished segments that are still to be archived. They stay in the database's folder until they are.</param>
/// <param name="Failure">Why the last attempt failed; null when it did not. It is tried again every minute and whenever a segment is finished.</param>
/// <param name="FailingSince">When attempts began to fail; null when the last one did not.</param>
public sealed record LogArchiveStatus(long Sequence, int PendingSegments, Exception? Failure, DateTimeOffset? FailingSince);
