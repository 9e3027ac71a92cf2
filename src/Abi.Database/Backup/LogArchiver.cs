using Abi.Database.Log;
using Abi.Database.Storage;

namespace Abi.Database.Backup;

/// <summary>
/// Copies finished segments of the log into an archive, in order, each without the unused rest of its file: written beside, flushed, renamed, the folder flushed. Only what is there
/// counts as archived, so a failure or a crash at any point leaves the segment where it was.
/// </summary>
internal sealed class LogArchiver : IDisposable
{
    private readonly IStorage _storage;
    private readonly Guid _database;
    private readonly Func<IStorage> _open;
    private readonly Func<long> _currentSegment;
    private readonly Func<long> _firstNeeded;
    private readonly WriteThrottle _throttle;
    private readonly DatabaseOptions _options;
    private readonly SemaphoreSlim _gate = new(1, 1);
    private long _archivedThrough = -1;
    private long _sequence;
    private long _noticed;
    private int _isQueued;
    private volatile bool _isClosing;
    private Failing? _failing;

    /// <param name="storage">Where the log is.</param>
    /// <param name="database">Whose it is.</param>
    /// <param name="options">The archive, the retention and the clock.</param>
    /// <param name="throttle">Limits the writing.</param>
    /// <param name="currentSegment">Gives the number of the segment that is written to: those below are finished.</param>
    /// <param name="firstNeeded">Gives the first segment that a restore may need.</param>
    public LogArchiver(IStorage storage, Guid database, DatabaseOptions options, WriteThrottle throttle, Func<long> currentSegment, Func<long> firstNeeded)
    {
        (_storage, _database, _options, _throttle, _currentSegment, _firstNeeded) = (storage, database, options, throttle, currentSegment, firstNeeded);
        _open = () => storage.OpenArchive(options.LogArchive!, database);
    }

    /// <summary>The last segment that is in the archive, so that the database may give it up; -1 while nothing is known.</summary>
    public long ArchivedThrough => Volatile.Read(ref _archivedThrough);

    public LogArchiveStatus Status
    {
        get
        {
            var (failing, current) = (Volatile.Read(ref _failing), _currentSegment());
            return new LogArchiveStatus(Volatile.Read(ref _sequence), LogSegment.NumbersIn(_storage).Count(number => number > ArchivedThrough && number < current), failing?.Failure, failing?.Since);
        }
    }

    /// <summary>Archives in the background when the segment that is written to is another than before.</summary>
    public void Notice(long currentSegment)
    {
        if (Interlocked.Exchange(ref _noticed, currentSegment) != currentSegment)
        {
            Start();
        }
    }

    /// <summary>Archives in the background.</summary>
    public void Start()
    {
        if (_isClosing || Interlocked.Exchange(ref _isQueued, 1) != 0)
        {
            return;
        }

        _ = Task.Run(() =>
        {
            var isWhole = false;
            try
            {
                isWhole = Run() is not null;
            }
            catch (DatabaseException)
            {
                // The status tells it; the next minute or segment tries again.
            }
            finally
            {
                Interlocked.Exchange(ref _isQueued, 0); // before looking: who finishes a segment meanwhile sees this, or is seen here
            }

            if (isWhole && _currentSegment() - 1 > ArchivedThrough)
            {
                Start(); // finished while this was ending
            }
        });
    }

    /// <summary>Archives all finished segments.</summary>
    /// <returns>The last archived commit; null when the database is closed meanwhile.</returns>
    /// <exception cref="DatabaseException">It failed. Nothing is lost.</exception>
    public long? Run()
    {
        _gate.Wait();
        try
        {
            var isWhole = !_isClosing && Archive();
            Volatile.Write(ref _failing, null);
            return isWhole ? Volatile.Read(ref _sequence) : null;
        }
        catch (Exception error)
        {
            Volatile.Write(ref _failing, new Failing(error, _failing?.Since ?? _options.Clock.GetUtcNow()));
            throw new DatabaseException($"The log cannot be archived to {_options.LogArchive}: {error.Message} The log is safe in the database's folder, which grows until it can.", error);
        }
        finally
        {
            _gate.Release();
        }
    }

    /// <summary>Stops after the segment that is being copied.</summary>
    public void Dispose()
    {
        _isClosing = true;
        _gate.Wait();
        _gate.Release();
    }

    private bool Archive()
    {
        var current = _currentSegment();
        using var archive = _open();
        var finished = LogSegment.NumbersIn(_storage).Where(number => number > ArchivedThrough && number < current).ToList();

        // What was archived before this database was opened: a look at the newest tells whether it is of the same history.
        var newest = ArchivedThrough < 0 ? finished.FindLast(number => archive.Exists(LogFormat.Name(number))) : 0;
        foreach (var number in finished)
        {
            if (_isClosing)
            {
                return false;
            }

            if (number >= newest || !archive.Exists(LogFormat.Name(number)))
            {
                Archive(archive, LogSegment.ReadFinished(_storage, _database, number));
            }

            Volatile.Write(ref _archivedThrough, number);
        }

        Volatile.Write(ref _archivedThrough, Math.Max(ArchivedThrough, current - 1));
        if (Volatile.Read(ref _sequence) == 0)
        {
            Volatile.Write(ref _sequence, LastSequenceIn(archive)); // all that was archived before was given up here
        }

        DeleteOld(archive);
        return true;
    }

    private void Archive(IStorage archive, LogSegment segment)
    {
        if (!IsArchived(archive, segment))
        {
            segment.WriteTo(new ThrottledStorage(archive, _throttle));
            archive.FlushFolder();
        }

        Volatile.Write(ref _sequence, segment.LastSequence);
    }

    // What is damaged there is not in it. It cannot be written anew, and is no reason not to archive what follows: a restore names it.
    private long LastSequenceIn(IStorage archive)
    {
        foreach (var number in LogSegment.NumbersIn(archive).Reverse())
        {
            try
            {
                return LogSegment.Read(archive, _database, number).LastSequence;
            }
            catch (DatabaseCorruptException)
            {
                // the one before tells
            }
        }

        return 0;
    }

    private bool IsArchived(IStorage archive, LogSegment segment)
    {
        if (!archive.Exists(LogFormat.Name(segment.Number)))
        {
            return false;
        }

        LogSegment there;
        try
        {
            there = LogSegment.Read(archive, _database, segment.Number);
        }
        catch (DatabaseCorruptException)
        {
            return false; // damaged: written anew
        }

        if (segment.IsBeginningOf(there))
        {
            archive.FlushFolder(); // it may have got its name a moment before a crash
            return there.Bytes.Length == segment.Bytes.Length ? true : throw OtherHistory(segment);
        }

        return there.IsBeginningOf(segment) ? false : throw OtherHistory(segment);
    }

    private DatabaseException OtherHistory(LogSegment segment) => new(
        $"{Path.Combine(_options.LogArchive!, _database.ToString("N"), LogFormat.Name(segment.Number))} has other commits than the database (from {segment.FirstSequence} on): a copy of the database uses the same archive. Name another folder in DatabaseOptions.LogArchive and make a full backup.");

    private void DeleteOld(IStorage archive)
    {
        if (_options.LogRetention is not { } retention)
        {
            return;
        }

        var first = LogRetention.FirstKept(archive, _database, Math.Min(_firstNeeded(), ArchivedThrough + 1), _options.Clock.GetUtcNow().UtcTicks - retention.Ticks);
        var old = LogSegment.NumbersIn(archive).Where(number => number < first).ToList();
        old.ForEach(number => archive.Delete(LogFormat.Name(number)));
        if (old.Count > 0)
        {
            archive.FlushFolder();
        }
    }

    private sealed record Failing(Exception Failure, DateTimeOffset Since);
}
