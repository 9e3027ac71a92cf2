using System.Buffers.Binary;
using Abi.Database.Encryption;
using Abi.Database.Storage;

namespace Abi.Database.Log;

/// <summary>Reads a log from a segment on, frame by frame, and finds where it ends.</summary>
internal sealed class LogScan
{
    private const long MostClaimedBytes = 1L << 36; // some seconds of checksums

    private readonly IStorage _storage;
    private readonly Guid _database;
    private readonly bool _isSalvage;

    /// <param name="storage">Where the segments are.</param>
    /// <param name="database">Whose they are.</param>
    /// <param name="firstSegment">The first to read.</param>
    /// <param name="isSalvage">Whether damage ends the log instead of being an error.</param>
    public LogScan(IStorage storage, Guid database, long firstSegment, bool isSalvage)
    {
        _storage = storage;
        _database = database;
        _isSalvage = isSalvage;
        Segment = firstSegment;
    }

    /// <summary>Takes a frame; false ends the scan before it.</summary>
    public delegate bool FrameHandler(LogFrame frame, ReadOnlySpan<byte> payload);

    /// <summary>The number of the segment in which the log ends.</summary>
    public long Segment { get; private set; }

    /// <summary>The offset behind the last sound frame of <see cref="Segment"/>; 0 when the segment does not exist.</summary>
    public int End { get; private set; }

    /// <summary>The bytes of the segment in which the log ends.</summary>
    public int SegmentLength { get; private set; }

    /// <summary>The sequence of the last frame; 0 for an empty log.</summary>
    public long LastSequence { get; private set; }

    /// <summary>What was cut off, in words; null when the log ended cleanly.</summary>
    public string? CutReason { get; private set; }

    /// <summary>Whether damage ended the log, so that commits which were acknowledged may be lost; only when that is no error.</summary>
    public bool IsDamaged { get; private set; }

    /// <summary>Whether the handler ended the scan.</summary>
    public bool WasStopped { get; private set; }

    /// <summary>Reads on to the end. Segments end where the next one begins; the last one ends at its first frame that is not sound.</summary>
    /// <param name="handler">Takes each frame.</param>
    /// <param name="lastKnown">The sequence before the first frame wanted, to begin with.</param>
    /// <param name="last">The last frame wanted. What lies behind it, which may be being written, is not looked at.</param>
    public void Read(FrameHandler handler, long lastKnown, long last = long.MaxValue)
    {
        LastSequence = lastKnown;
        while (LastSequence < last && _storage.Exists(LogFormat.Name(Segment)))
        {
            if (!ReadSegment(handler, last))
            {
                return;
            }

            if (!_storage.Exists(LogFormat.Name(Segment + 1)))
            {
                break;
            }

            Segment++;
            End = 0;
        }

        // Asked for after the list: a segment that is made meanwhile is not missing.
        if (LastSequence < last && _storage.List().Any(name => LogFormat.Number(name) > Segment)
            && LogFormat.Name(_storage.Exists(LogFormat.Name(Segment)) ? Segment + 1 : Segment) is var missing && !_storage.Exists(missing))
        {
            var damage = new DatabaseCorruptException("The segment of the log is missing, but later ones are there. Put it back, restore a backup, or open with RecoveryMode.Salvage to keep what goes before.", Path.Combine(_storage.Folder, missing));
            EndAt(_isSalvage ? damage : throw damage);
        }
    }

    private bool ReadSegment(FrameHandler handler, long last)
    {
        var name = LogFormat.Name(Segment);
        var path = Path.Combine(_storage.Folder, name);
        using var file = _storage.OpenRead(name);
        var bytes = LogSegment.ReadBytes(file, path, out var failure);
        try
        {
            return ReadFrames(bytes, failure, path, handler, last);
        }
        catch (DatabaseCorruptException damage) when (_isSalvage)
        {
            EndAt(damage);
            SegmentLength = bytes.Length;
            return false;
        }
    }

    private void EndAt(DatabaseCorruptException damage) => (CutReason, IsDamaged) = (damage.Message, true);

    private bool ReadFrames(byte[] bytes, IOException? failure, string path, FrameHandler handler, long last)
    {
        SegmentLength = bytes.Length;
        if (failure is not null && bytes.Length < LogFormat.HeaderBytes)
        {
            throw Unreadable(failure, path, 0);
        }

        var first = LogFormat.ReadHeader(bytes, _database, Segment, path);
        var salt = LogFormat.Salt(_database, Segment);
        if (first > LastSequence + 1)
        {
            throw new DatabaseCorruptException($"The log continues with sequence {first}, but {LastSequence + 1} was expected: the segment before is damaged or missing. Restore a backup, or open with RecoveryMode.Salvage to keep what goes before.", path, 40);
        }

        // A segment may begin before what the snapshot already holds.
        using var cipher = LogCipher.Of(_storage.Encryption, _database, Segment);
        var expected = first;
        End = LogFormat.HeaderBytes;
        while (expected <= last && LogFormat.TryReadFrame(bytes, End, salt, expected, expected, out var frame))
        {
            var payload = frame.Payload(bytes, cipher, path);
            if (frame.Sequence > LastSequence)
            {
                if (!handler(frame, payload))
                {
                    WasStopped = true;
                    return false;
                }

                LastSequence = frame.Sequence;
            }

            expected++;
            End = frame.End;
        }

        if (expected > last)
        {
            return false;
        }

        if (failure is not null)
        {
            throw Unreadable(failure, path, bytes.Length);
        }

        if (_storage.Exists(LogFormat.Name(Segment + 1)))
        {
            CheckContinuation(path, expected);
        }
        else
        {
            FindTornTail(bytes, path, salt, expected);
        }

        return true;
    }

    // What the disk cannot read is damaged.
    private static DatabaseCorruptException Unreadable(IOException failure, string path, long offset) =>
        new($"The log cannot be read: {failure.Message} Restore a backup, or open with RecoveryMode.Salvage to keep what goes before.", path, offset);

    // A segment is complete and durable before the next one is made: whatever is missing was damaged later.
    private void CheckContinuation(string path, long expected)
    {
        if (LogSegment.ReadFirstSequence(_storage, _database, Segment + 1) is var first && first != expected)
        {
            throw new DatabaseCorruptException($"The frame of sequence {expected} is damaged, but later ones (from {first} on) were acknowledged. Restore a backup, or open with RecoveryMode.Salvage to keep what goes before.", path, End);
        }
    }

    // Each place that looks like a header is read as far as it says, which in a file that somebody made would take hours.
    private void CheckClaims(byte[] bytes, string path, long expected)
    {
        var claimed = 0L;
        for (var offset = End + 8; offset <= bytes.Length - LogFormat.FrameHeaderBytes; offset += 8)
        {
            claimed += LogFormat.ClaimedBytes(bytes, offset, expected, expected + int.MaxValue);
        }

        if (claimed > MostClaimedBytes)
        {
            throw new DatabaseCorruptException($"The frame of sequence {expected} is damaged, and what follows looks like frames of {claimed} bytes in {bytes.Length - End}. Restore a backup, or open with RecoveryMode.Salvage to keep what goes before.", path, End);
        }
    }

    private void FindTornTail(byte[] bytes, string path, uint salt, long expected)
    {
        CheckClaims(bytes, path, expected);
        var laterFrames = 0;
        for (var offset = End + 8; offset <= bytes.Length - LogFormat.FrameHeaderBytes; offset += 8)
        {
            if (!LogFormat.TryReadFrame(bytes, offset, salt, expected, expected + int.MaxValue, out var later))
            {
                continue;
            }

            if (later.DurableEnd > End)
            {
                throw new DatabaseCorruptException($"The frame of sequence {expected} is damaged, but later ones (sequence {later.Sequence}) were acknowledged. Restore a backup, or open with RecoveryMode.Salvage to keep what goes before.", path, End);
            }

            laterFrames++;
        }

        var isBegun = bytes.Length - End >= LogFormat.FrameHeaderBytes && BinaryPrimitives.ReadInt64LittleEndian(bytes.AsSpan(End + 8)) == expected;
        if (laterFrames > 0 || isBegun)
        {
            CutReason = $"The log ends with an unfinished write (sequence {expected}, in {path}, at byte {End}); it was never acknowledged as durable and was cut off.";
        }
    }
}
