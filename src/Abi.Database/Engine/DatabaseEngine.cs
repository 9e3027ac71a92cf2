using System.Collections.Concurrent;
using Abi.Database.Backup;
using Abi.Database.Encryption;
using Abi.Database.Log;
using Abi.Database.Rows;
using Abi.Database.Schema;
using Abi.Database.Storage;

namespace Abi.Database.Engine;

/// <summary>
/// An open database. A commit goes into the log, is made durable, is applied in memory and published, in this order and in that of its sequence; waiting commits go together.
/// A checkpoint writes what a snapshot sees into new files and then names them in the manifest, after which the log before it is superfluous.
/// </summary>
internal sealed partial class DatabaseEngine : IDisposable
{
    private readonly DatabaseOptions _options;
    private readonly IStorage _storage;
    private readonly IDisposable? _lock;
    private readonly ConcurrentDictionary<string, CollectionHandle> _collections = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<int, CollectionHandle> _byId = new();
    private readonly Lock _queueGate = new();
    private readonly Lock _commitGate = new();      // the log, the sequence, applying
    private readonly Lock _schemaGate = new();      // making and dropping collections
    private readonly SemaphoreSlim _checkpointGate = new(1, 1);
    private readonly List<string> _warnings = [];
    private readonly ITimer? _sweep;
    private readonly CancellationTokenSource _closing = new();
    private readonly WriteThrottle _throttle;
    private readonly IStorage _background; // the storage as background work writes to it
    private readonly ReplacedStores _replaced = new();
    private readonly LogArchiver? _archiver;
    private readonly BackupList? _backups; // under a lock on itself
    private List<CommitRequest> _queue = [];
    private List<CommitRequest> _group = [];
    private bool _isLeading;
    private LogWriter? _log;
    private bool _isLogClosed; // under _commitGate
    private Manifest _manifest;
    private long _sequence;
    private int _nextCollectionId;
    private long _checkpointedBytes; // of the log, when the last checkpoint began
    private bool _isFlushDue;
    private ITimer? _flushTimer;
    private Exception? _failure;
    private int _isDisposed;
    private int _isCheckpointDue;

    /// <summary>Opens what is in a storage, and takes ownership of it.</summary>
    /// <param name="storage">The folder.</param>
    /// <param name="options">How it is opened.</param>
    /// <param name="limits">What to restore; null to open all.</param>
    /// <param name="encryption">What the key opened before; null to open it by the options' key.</param>
    public DatabaseEngine(IStorage storage, DatabaseOptions options, RestoreOptions? limits = null, StorageEncryption? encryption = null)
    {
        _storage = storage;
        _options = options;
        IndexThreads = options.IndexThreads > 0 ? options.IndexThreads : Math.Max(1, Environment.ProcessorCount / 2);
        VectorMemoryBytes = options.VectorMemoryBytes > 0 ? options.VectorMemoryBytes : GC.GetGCMemoryInfo().TotalAvailableMemoryBytes / 2;
        ScanThreads = options.ScanThreads > 0 ? options.ScanThreads : Environment.ProcessorCount;
        _throttle = new WriteThrottle(options.BackgroundBytesPerSecond, options.Clock, _closing.Token);
        _background = new ThrottledStorage(storage, _throttle);
        try
        {
            Restoration.RefuseUnfinished(storage);
            BackupFolder.RefuseAsDatabase(storage);
            storage.Encryption = encryption ?? KeyFile.Open(storage, options.EncryptionKey, options.DecryptedBytes);
            if (!IsReadOnly)
            {
                _lock = Lock(storage);
                if (options.EncryptionKey is { } key)
                {
                    storage.Encryption ??= KeyFile.Create(storage, key, options.DecryptedBytes);
                }
            }

            _manifest = Retry(() =>
            {
                _manifest = ReadManifest();
                Recover(limits);
                return _manifest;
            });
            _fileBytes = IsReadOnly ? 0 : FileBytes(_manifest);
            _backups = IsReadOnly || options.LogRetention is null ? null : new BackupList(storage, _manifest.DatabaseId);
        }
        catch
        {
            _log?.Dispose();
            _lock?.Dispose();
            if (encryption is null)
            {
                storage.Encryption?.Dispose();
            }

            storage.Dispose();
            throw;
        }

        if (!IsReadOnly)
        {
            _archiver = options.LogArchive is null || limits is not null ? null : new LogArchiver(storage, _manifest.DatabaseId, options, _throttle, () => _log!.Segment, FirstNeededSegment);
            _archiver?.Start();
            _sweep = options.Clock.CreateTimer(_ => Sweep(), null, TimeSpan.FromMinutes(1), TimeSpan.FromMinutes(1));
            foreach (var handle in _byId.Values)
            {
                Maintain(handle);
            }

            CheckpointWhenDue();
        }
    }

    public bool IsReadOnly => _options.Access == DatabaseAccess.ReadOnly;

    public int IndexThreads { get; }

    public int ScanThreads { get; }

    public long VectorMemoryBytes { get; }

    public string Folder => _storage.Folder;

    /// <summary>What the database is encrypted with; null for a plain one.</summary>
    public StorageEncryption? Encryption => _storage.Encryption;

    public RecoveryReport Report { get; private set; } = new(0, 0, null, []);

    public long Sequence => Volatile.Read(ref _sequence);

    public DatabaseOptions Options => _options;

    public long Now => _options.Clock.GetUtcNow().UtcTicks;

    /// <summary>Why the database takes no more writes; null while it does.</summary>
    public Exception? Failure => Volatile.Read(ref _failure) ?? _log?.Failure;

    /// <summary>Why the log has no next segment, as on a full disk; null when it has, or needs none yet.</summary>
    public Exception? SegmentFailure => _log?.SegmentFailure;

    public IReadOnlyList<string> CollectionNames => [.. _collections.Keys.Order(StringComparer.Ordinal)];

    public IEnumerable<CollectionHandle> Collections => _byId.Values;

    public CollectionHandle? Find(string name)
    {
        ObjectDisposedException.ThrowIf(Volatile.Read(ref _isDisposed) != 0, this);
        return _collections.GetValueOrDefault(name);
    }

    /// <summary>Makes a collection, or returns the one that is there if it is defined the same.</summary>
    public CollectionHandle Create(string name, CollectionDefinition definition)
    {
        lock (_schemaGate)
        {
            if (Find(name) is { } present)
            {
                return present.Schema.Definition.DifferenceFrom(definition) is { } difference
                    ? throw new DatabaseException($"The collection '{name}' exists with another definition: {difference}. Use its own, copy the records into a collection of another name, or delete it first.")
                    : present;
            }

            var schema = new CollectionSchema(Interlocked.Increment(ref _nextCollectionId), name, definition);
            var writer = new ByteWriter();
            writer.Byte((byte)OpCode.CreateCollection);
            schema.Write(writer);
            CommitAsync(writer.ToArray()).GetAwaiter().GetResult();
            return _collections[name];
        }
    }

    /// <summary>Deletes a collection if it is there.</summary>
    public void Drop(string name)
    {
        lock (_schemaGate)
        {
            if (Find(name) is not { } handle)
            {
                return;
            }

            var writer = new ByteWriter();
            writer.Byte((byte)OpCode.DropCollection);
            writer.Int32(handle.Schema.Id);
            CommitAsync(writer.ToArray()).GetAwaiter().GetResult();
        }
    }

    public void Dispose()
    {
        if (Interlocked.Exchange(ref _isDisposed, 1) != 0)
        {
            return;
        }

        _closing.Cancel(); // what waits for the limit of background work goes on at once, and a backup to a stream ends
        _sweep?.Dispose();
        StopMaintenance();
        _archiver?.Dispose();
        try
        {
            if (_log is { Failure: null })
            {
                SaveAtClose();
                lock (_commitGate)
                {
                    _isLogClosed = true; // nothing is acknowledged that this does not flush
                    _log.Flush();
                }
            }
        }
        catch (Exception)
        {
            // Disposal never throws, and nothing is lost: what was acknowledged is in the log as its durability promises.
        }
        finally
        {
            lock (_commitGate)
            {
                _flushTimer?.Dispose();
                _log?.Dispose();
                _isLogClosed = true;
            }

            StopCommitter();
            _checkpointGate.Wait();
            _lock?.Dispose();
            _storage.Encryption?.Dispose();
            _storage.Dispose();
            _checkpointGate.Release();
        }
    }

    // What was committed since it began is flushed also when it fails.
    private void SaveAtClose()
    {
        try
        {
            if (Failure is null && ShouldSaveAtClose())
            {
                Checkpoint(isClosing: true);
            }
        }
        catch (Exception)
        {
            // Nothing is lost: the log has all of it.
        }
    }

    /// <summary>Reads what a writer has committed since, for a database that is open read-only.</summary>
    /// <returns>False when the writer has made a checkpoint: then the database has to be opened anew.</returns>
    public bool TryReadOn()
    {
        ObjectDisposedException.ThrowIf(Volatile.Read(ref _isDisposed) != 0, this);
        lock (_schemaGate)
        {
            return Retry(() => Manifest.Read(_storage).Generation == _manifest.Generation && ReadOn());
        }
    }

    private void RequireWriting()
    {
        if (IsReadOnly)
        {
            throw new DatabaseException($"The database {_storage.Folder} was opened read-only.");
        }
    }

    private static IDisposable Lock(IStorage storage)
    {
        try
        {
            return storage.TryLock() ?? throw new DatabaseException($"The database {storage.Folder} is open for writing elsewhere. One process writes at a time: close it there, or open it with DatabaseAccess.ReadOnly.");
        }
        catch (DatabaseException error) when (error.InnerException is { } cause && storage.Exists(Manifest.FileName))
        {
            throw new DatabaseException($"{error.Message} Give this user the right to write there, or only read: {nameof(DatabaseAccess)}.{nameof(DatabaseAccess.ReadOnly)}.", cause);
        }
    }

    // A reader may look while the writer replaces files: what it finds half done is whole a moment later. What is damaged in the same way for a tenth of a second, stays so.
    private T Retry<T>(Func<T> act)
    {
        const int Attempts = 20;
        const int AttemptsOfDamage = 5;
        using var pause = new ManualResetEventSlim();
        var (damage, damaged) = ("", 0);
        for (var attempt = 1; ; attempt++)
        {
            try
            {
                return act();
            }
            catch (Exception error) when (IsReadOnly && attempt < Attempts && error is DatabaseCorruptException or IOException)
            {
                (damage, damaged) = (error.Message, error is DatabaseCorruptException && error.Message == damage ? damaged + 1 : 1);
                if (damaged == AttemptsOfDamage)
                {
                    throw;
                }

                pause.Wait(TimeSpan.FromMilliseconds(10 * attempt));
            }
        }
    }

    /// <summary>Whether a folder holds files of a database, with its manifest or without.</summary>
    internal static bool HasFiles(IStorage storage) =>
        storage.Exists(Manifest.FileName) || storage.List().Any(name => LogFormat.Number(name) >= 0 || name.StartsWith("rows-", StringComparison.Ordinal));

    private Manifest ReadManifest()
    {
        if (_storage.Exists(Manifest.FileName))
        {
            return Manifest.Read(_storage);
        }

        if (IsReadOnly)
        {
            throw new DatabaseException($"There is no database at {_storage.Folder}: it has no {Manifest.FileName}. Open it for writing to create it.");
        }

        if (HasFiles(_storage))
        {
            throw new DatabaseCorruptException("The manifest is missing, but other files of a database are here. Put it back, or restore a backup.", Path.Combine(_storage.Folder, Manifest.FileName));
        }

        var manifest = new Manifest(Guid.NewGuid(), 1, 0, 1, 0, []);
        manifest.Write(_storage);
        return manifest;
    }
}
