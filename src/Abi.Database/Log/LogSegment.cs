using Abi.Database.Storage;

namespace Abi.Database.Log;

/// <summary>A segment of the log as it is kept elsewhere: its header and its sound frames, without what follows them.</summary>
internal sealed class LogSegment
{
    private readonly string _path;

    private LogSegment(string path, long number, long firstSequence, byte[] bytes)
    {
        (_path, Number, FirstSequence, LastSequence) = (path, number, firstSequence, firstSequence - 1);
        Bytes = bytes.AsMemory(0, LogFormat.HeaderBytes);
        FirstTime = LastTime = long.MinValue;
    }

    public long Number { get; }

    /// <summary>The sequence of its first frame, or of the next one of the log when it has none.</summary>
    public long FirstSequence { get; }

    /// <summary>The sequence of its last frame; one less than <see cref="FirstSequence"/> when it has none.</summary>
    public long LastSequence { get; private set; }

    /// <summary>When its first frame was committed: UTC ticks; <see cref="long.MinValue"/> when it has none.</summary>
    public long FirstTime { get; private set; }

    /// <summary>The latest time of its frames: UTC ticks; <see cref="long.MinValue"/> when it has none.</summary>
    public long LastTime { get; private set; }

    public ReadOnlyMemory<byte> Bytes { get; private set; }

    /// <summary>Reads a segment up to its first frame that is not sound.</summary>
    /// <param name="storage">Where it is.</param>
    /// <param name="database">Whose it is.</param>
    /// <param name="number">Its number.</param>
    /// <param name="name">The file, when it has another name than the segment.</param>
    /// <exception cref="DatabaseCorruptException">Its header is not that of this segment.</exception>
    public static LogSegment Read(IStorage storage, Guid database, long number, string? name = null)
    {
        name ??= LogFormat.Name(number);
        var path = Path.Combine(storage.Folder, name);
        using var file = storage.OpenRead(name);
        var bytes = ReadBytes(file, path, out var failure);
        if (failure is not null)
        {
            throw failure;
        }

        var segment = new LogSegment(path, number, LogFormat.ReadHeader(bytes, database, number, path), bytes);
        var salt = LogFormat.Salt(database, number);
        var end = LogFormat.HeaderBytes;
        while (LogFormat.TryReadFrame(bytes, end, salt, segment.LastSequence + 1, segment.LastSequence + 1, out var frame))
        {
            segment.FirstTime = end == LogFormat.HeaderBytes ? frame.Time : segment.FirstTime;
            (segment.LastSequence, segment.LastTime, end) = (frame.Sequence, Math.Max(segment.LastTime, frame.Time), frame.End);
        }

        segment.Bytes = bytes.AsMemory(0, end);
        return segment;
    }

    /// <summary>Reads a segment that was copied without what followed its frames.</summary>
    /// <exception cref="DatabaseCorruptException">It is damaged.</exception>
    public static LogSegment ReadCopy(IStorage storage, Guid database, long number)
    {
        var segment = Read(storage, database, number);
        using var file = storage.OpenRead(LogFormat.Name(number));
        return segment.Bytes.Length == file.Length
            ? segment
            : throw new DatabaseCorruptException($"The frame of sequence {segment.LastSequence + 1} is damaged. Use another copy, or restore up to commit {segment.LastSequence}.", segment._path, segment.Bytes.Length);
    }

    /// <summary>Reads a segment that the next one follows, and checks that no frame of it is missing.</summary>
    /// <exception cref="DatabaseCorruptException">It is damaged.</exception>
    public static LogSegment ReadFinished(IStorage storage, Guid database, long number)
    {
        var segment = Read(storage, database, number);
        return ReadFirstSequence(storage, database, number + 1) is var next && next == segment.LastSequence + 1
            ? segment
            : throw new DatabaseCorruptException($"The frame of sequence {segment.LastSequence + 1} is damaged, but the next segment of the log begins with {next}. Restore a backup, or open with RecoveryMode.Salvage to keep what goes before.", segment._path, segment.Bytes.Length);
    }

    /// <summary>The sequence of a segment's first frame, by its header.</summary>
    public static long ReadFirstSequence(IStorage storage, Guid database, long number)
    {
        var name = LogFormat.Name(number);
        var header = new byte[LogFormat.HeaderBytes];
        using var file = storage.OpenRead(name);
        var read = file.Read(0, header);
        return LogFormat.ReadHeader(header.AsSpan(0, read), database, number, Path.Combine(storage.Folder, name));
    }

    /// <summary>The bytes of a segment's file, or those before the first place that the disk cannot read.</summary>
    /// <param name="file">The file.</param>
    /// <param name="path">Its path, for messages.</param>
    /// <param name="failure">What the disk says of that place; null when all could be read.</param>
    public static byte[] ReadBytes(IStorageFile file, string path, out IOException? failure)
    {
        const int Part = 4096; // what disks read at once
        if (file.Length > Array.MaxLength)
        {
            throw new DatabaseCorruptException($"The log segment has {file.Length} bytes; at most {Array.MaxLength} are written.", path, 0);
        }

        failure = null;
        var bytes = new byte[(int)file.Length];
        for (int read = 0, count, most = bytes.Length; read < bytes.Length; read += count)
        {
            try
            {
                count = file.Read(read, bytes.AsSpan(read, Math.Min(most, bytes.Length - read)));
            }
            catch (IOException) when (most > Part)
            {
                (count, most) = (0, Part); // again, up to the very place
                continue;
            }
            catch (IOException error)
            {
                failure = error;
                return bytes[..read];
            }

            if (count == 0)
            {
                throw new IOException($"{path} became shorter while it was read.");
            }
        }

        return bytes;
    }

    /// <summary>The numbers of the segments in a storage, ascending.</summary>
    public static IReadOnlyList<long> NumbersIn(IStorage storage) => [.. storage.List().Select(LogFormat.Number).Where(number => number >= 0).Order()];

    /// <summary>Whether the other one has all that this one has, or more. (Frames say how far the log was durable when they were written, so that equal bytes mean the same writes.)</summary>
    public bool IsBeginningOf(LogSegment other) => other.Bytes.Span.StartsWith(Bytes.Span);

    /// <summary>Writes the segment and makes it durable before it gets its name. The folder is the caller's to flush.</summary>
    public void WriteTo(IStorage target)
    {
        var name = LogFormat.Name(Number);
        var temporary = name + ".tmp";
        if (target.Exists(temporary))
        {
            target.Delete(temporary);
        }

        using (var file = target.Open(temporary, create: true))
        {
            const int Part = 1 << 20; // so that what limits the rate of writing has something to hold up
            for (var at = 0; at < Bytes.Length; at += Part)
            {
                file.Write(at, Bytes.Span.Slice(at, Math.Min(Part, Bytes.Length - at)));
            }

            file.Flush();
        }

        target.Rename(temporary, name);
    }
}
