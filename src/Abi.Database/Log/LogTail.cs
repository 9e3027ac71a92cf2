using Abi.Database.Engine;
using Abi.Database.Storage;

namespace Abi.Database.Log;

/// <summary>The log of a backup, which is sound and nobody else writes to, and how it goes on.</summary>
internal sealed class LogTail
{
    private readonly IStorage _storage;
    private readonly Manifest _manifest;

    public LogTail(IStorage storage, Manifest manifest)
    {
        _storage = storage;
        _manifest = manifest;
        Segment = manifest.FirstLogSegment - 1;
        Sequence = manifest.Sequence;
        LastTime = long.MinValue;
        while (storage.Exists(LogFormat.Name(Segment + 1)))
        {
            Segment++;
        }

        for (var number = Segment; number >= manifest.FirstLogSegment && LastTime == long.MinValue; number--)
        {
            Note(Read(number)); // the last may be empty
        }
    }

    /// <summary>The number of the last segment; one less than that of the manifest's first when there is none.</summary>
    public long Segment { get; private set; }

    /// <summary>The last commit.</summary>
    public long Sequence { get; private set; }

    /// <summary>The latest time of the commits in the last segment that has any, and in those that were taken since: UTC ticks; <see cref="long.MinValue"/> when there are none.</summary>
    public long LastTime { get; private set; }

    /// <summary>
    /// Takes the next segment, or one that is there already, whole or up to a frame.
    /// </summary>
    /// <returns>The bytes that were written.</returns>
    /// <exception cref="DatabaseException">Commits are missing before it, or it tells another history than what is there.</exception>
    public long Append(LogSegment segment)
    {
        if (segment.Number <= Segment)
        {
            return Lengthen(segment);
        }

        if (segment.FirstSequence > Sequence + 1)
        {
            throw new DatabaseException($"The log is not complete: what there is ends with commit {Sequence} (segment {Segment}), and what follows begins with commit {segment.FirstSequence} (segment {segment.Number}). Give what lies between, or restore up to commit {Sequence}.");
        }

        if (segment.FirstSequence <= Sequence || segment.Number != Segment + 1)
        {
            throw OtherHistory(segment);
        }

        return Write(segment);
    }

    // The last segment may have been copied while it was still written to.
    private long Lengthen(LogSegment segment)
    {
        if (segment.Number < _manifest.FirstLogSegment)
        {
            return segment.LastSequence <= _manifest.Sequence ? 0 : throw OtherHistory(segment);
        }

        var present = Read(segment.Number);
        if (segment.IsBeginningOf(present))
        {
            return 0;
        }

        if (!present.IsBeginningOf(segment) || segment.Number != Segment)
        {
            throw OtherHistory(segment);
        }

        return Write(segment);
    }

    // The names are flushed at once: the next segment follows this one only.
    private long Write(LogSegment segment)
    {
        segment.WriteTo(_storage);
        _storage.FlushFolder();
        Segment = segment.Number;
        Note(segment);
        return segment.Bytes.Length;
    }

    private void Note(LogSegment segment)
    {
        Sequence = Math.Max(Sequence, segment.LastSequence);
        LastTime = Math.Max(LastTime, segment.LastTime);
    }

    private LogSegment Read(long number) => LogSegment.Read(_storage, _manifest.DatabaseId, number);

    private DatabaseException OtherHistory(LogSegment segment) => new(
        $"Segment {segment.Number} of the log (from commit {segment.FirstSequence} on) does not go on from what there is (segment {Segment}, up to commit {Sequence}): a copy of the database was written to in between. Use pieces of one history, or make a full backup.");
}
