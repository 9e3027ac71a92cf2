using Abi.Database.Encryption;
using Abi.Database.Engine;
using Abi.Database.Storage;

namespace Abi.Database.Log;

/// <summary>
/// Appends frames to the log. A segment is written full of zeros and made durable before it gets its name, so that an append changes neither the file's length nor its blocks
/// and its flush writes data only.
/// </summary>
/// <remarks>
/// For one thread at a time. After any failure the log takes nothing more: a flush that failed once says nothing about what a second one would have written. It goes on when only a new segment could not be
/// made, as on a disk without room: that has no name yet, and nothing of the log was touched.
/// </remarks>
internal sealed class LogWriter : IDisposable
{
    private const string Temporary = "new-log.tmp"; // a segment until it is durable
    private const int UsualGroup = 1 << 16;
    private const int LargestKept = 1 << 22; // of the memory of a group, for the next ones

    private readonly IStorage _storage;
    private readonly Guid _database;
    private readonly int _segmentBytes;
    private ByteWriter _group = new(UsualGroup);
    private IStorageFile? _file;
    private LogCipher? _cipher;
    private uint _salt;
    private int _length;      // of the current segment
    private int _end;         // where the next frame goes
    private int _durableEnd;  // everything below is durable
    private Exception? _failure;
    private Exception? _segmentFailure;

    private LogWriter(IStorage storage, Guid database, int segmentBytes)
    {
        _storage = storage;
        _database = database;
        _segmentBytes = segmentBytes;
    }

    /// <summary>The number of the segment that is written to.</summary>
    public long Segment { get; private set; }

    /// <summary>The bytes of frames written since the writer was made.</summary>
    public long BytesWritten { get; private set; }

    /// <summary>What made the log fail; null while it works.</summary>
    public Exception? Failure => Volatile.Read(ref _failure);

    /// <summary>Why the last attempt to make a new segment failed; null when it did not. Writing goes on when one succeeds.</summary>
    public Exception? SegmentFailure => Volatile.Read(ref _segmentFailure);

    /// <summary>Whether frames were written that are not known to be durable.</summary>
    public bool IsDirty => _end > _durableEnd;

    /// <summary>Goes on where a scan found the end.</summary>
    public static LogWriter Continue(IStorage storage, Guid database, int segmentBytes, LogScan scan)
    {
        var writer = new LogWriter(storage, database, segmentBytes);
        if (scan.End == 0)
        {
            writer.StartSegment(scan.Segment, scan.LastSequence + 1, 0);
        }
        else if (scan.CutReason is not null)
        {
            // What was cut off must never become valid again behind newer frames: leave it behind in a segment that is over, and durable, as all are that another one follows.
            using (var old = storage.Open(LogFormat.Name(scan.Segment), create: false))
            {
                old.Flush();
            }

            writer.StartSegment(scan.Segment + 1, scan.LastSequence + 1, 0);
        }
        else
        {
            writer.Segment = scan.Segment;
            writer._file = storage.Open(LogFormat.Name(scan.Segment), create: false);
            writer.SetCipher();
            writer._length = scan.SegmentLength;
            writer._end = scan.End;
            writer._durableEnd = 0; // what was found may still be in the system's cache only
            writer.Flush();
        }

        return writer;
    }

    /// <summary>Starts a log with a segment of its own.</summary>
    public static LogWriter Start(IStorage storage, Guid database, int segmentBytes, long segment, long firstSequence)
    {
        var writer = new LogWriter(storage, database, segmentBytes);
        writer.StartSegment(segment, firstSequence, 0);
        return writer;
    }

    /// <summary>Writes the frames of a group with one call. When there is no memory for them nothing is written, and the log goes on.</summary>
    /// <param name="sequence">The sequence of the first; each of the others has the next one.</param>
    /// <param name="time">When they are committed: UTC ticks.</param>
    /// <param name="group">What they hold: each has at most <see cref="LogFormat.LargestPayload"/> bytes.</param>
    public void Write(long sequence, long time, IReadOnlyList<CommitRequest> group)
    {
        RequireSound();
        long total = 0;
        for (var i = 0; i < group.Count; i++)
        {
            total += LogFormat.FrameBytes(LogFormat.StoredBytes(group[i].Payload.Length, _cipher));
        }

        if (total > _length - _end)
        {
            StartNext(sequence, total);
        }

        Frame(sequence, time, group);
        Guard(WriteFrames);
    }

    /// <summary>Makes everything written durable.</summary>
    public void Flush() => Guard(FlushFile);

    /// <summary>Ends the current segment, makes it durable, and starts the next; nothing, while the current one has no frame.</summary>
    /// <param name="nextSequence">The sequence of the next frame.</param>
    public void Rotate(long nextSequence)
    {
        RequireSound();
        if (_end > LogFormat.HeaderBytes)
        {
            StartNext(nextSequence, 0);
        }
    }

    public void Dispose()
    {
        _file?.Dispose();
        _cipher?.Dispose();
    }

    private void StartNext(long sequence, long needed)
    {
        Flush();
        StartSegment(Segment + 1, sequence, needed);
    }

    private void Frame(long sequence, long time, IReadOnlyList<CommitRequest> group)
    {
        _group.Clear();
        try
        {
            for (var i = 0; i < group.Count; i++)
            {
                var payload = group[i].Payload;
                var offset = _end + _group.Length;
                LogFormat.WriteFrame(_group.Take(LogFormat.FrameBytes(LogFormat.StoredBytes(payload.Length, _cipher))), _salt, sequence + i, time, _durableEnd, payload.Span, _cipher, offset);
            }
        }
        catch
        {
            _group = new ByteWriter(UsualGroup);
            SetCipher(); // what was sealed so far is never written, and what takes its places has another key
            throw;
        }
    }

    private void WriteFrames()
    {
        _file!.Write(_end, _group.Span);
        _end += _group.Length;
        BytesWritten += _group.Length;
        if (_group.Length > LargestKept)
        {
            _group = new ByteWriter(UsualGroup);
        }
    }

    private void StartSegment(long number, long firstSequence, long needed)
    {
        var length = (int)Math.Max(_segmentBytes, needed + LogFormat.HeaderBytes);
        var file = MakeSegment(number, firstSequence, length);
        Guard(() =>
        {
            try
            {
                _storage.Rename(Temporary, LogFormat.Name(number));
                _storage.FlushFolder();
            }
            catch
            {
                file.Dispose();
                throw;
            }

            _file?.Dispose();
            _file = file;
            Segment = number;
            SetCipher();
            _length = length;
            _end = LogFormat.HeaderBytes;
            _durableEnd = LogFormat.HeaderBytes;
        });
    }

    // Durable, but without its name.
    private IStorageFile MakeSegment(long number, long firstSequence, int length)
    {
        IStorageFile? file = null;
        try
        {
            DeleteTemporary();
            file = _storage.Open(Temporary, create: true);
            var zeros = new byte[Math.Min(length, 1 << 20)];
            for (long at = 0; at < length; at += zeros.Length)
            {
                file.Write(at, zeros.AsSpan(0, (int)Math.Min(zeros.Length, length - at)));
            }

            file.Write(0, LogFormat.Header(_database, number, firstSequence));
            file.Flush();
            Volatile.Write(ref _segmentFailure, null);
            return file;
        }
        catch (Exception error)
        {
            Volatile.Write(ref _segmentFailure, error);
            file?.Dispose();
            try
            {
                DeleteTemporary(); // it may have taken the last room
            }
            catch (IOException)
            {
                // the next attempt begins with that
            }

            throw new DatabaseException($"A new segment of the log could not be made, so nothing was written: {error.Message} What was acknowledged is safe. Remove the cause and try again.", error);
        }
    }

    private void DeleteTemporary()
    {
        if (_storage.Exists(Temporary))
        {
            _storage.Delete(Temporary);
        }
    }

    // For the current segment: a cipher of this writer's own.
    private void SetCipher()
    {
        _salt = LogFormat.Salt(_database, Segment);
        _cipher?.Dispose();
        _cipher = LogCipher.Of(_storage.Encryption, _database, Segment);
    }

    private void FlushFile()
    {
        if (_end > _durableEnd)
        {
            _file!.Flush();
            _durableEnd = _end;
        }
    }

    private void RequireSound()
    {
        if (_failure is not null)
        {
            throw new DatabaseException("The database takes no more writes: an earlier write to its log failed. What was acknowledged is safe. Remove the cause and open the database again.", _failure);
        }
    }

    private void Guard(Action act)
    {
        RequireSound();
        try
        {
            act();
        }
        catch (Exception error)
        {
            _failure = error;
            throw new DatabaseException($"The log could not be written, so the database is now read-only: {error.Message} What was acknowledged is safe. Remove the cause and open the database again.", error);
        }
    }
}
