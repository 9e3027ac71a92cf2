using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using Abi.Database.Embeddings;
using Abi.Database.Engine;
using Abi.Database.Records;
using Abi.Database.Storage;

namespace Abi.Database;

/// <summary>An embedded vector database: a folder. One process writes to it, any number read it.</summary>
/// <remarks>Thread-safe. Dispose of it to close it; what was acknowledged is safe also without.</remarks>
public sealed partial class VectorDatabase : IVectorDatabase
{
    private readonly Lock _gate = new(); // replacing the engine, and closing
    private DatabaseEngine _engine;

    internal VectorDatabase(DatabaseEngine engine)
    {
        _engine = engine;
        Embedder = TextEmbedder.Of(engine.Options);
    }

    /// <summary>What opening it found.</summary>
    public RecoveryReport Recovery => Engine.Report;

    /// <summary>The number of the last commit.</summary>
    public long Sequence => Engine.Sequence;

    /// <summary>The folder.</summary>
    public string Path => Engine.Folder;

    /// <summary>Whether it was opened read-only.</summary>
    public bool IsReadOnly => Engine.IsReadOnly;

    /// <summary>Whether its files are encrypted.</summary>
    public bool IsEncrypted => Engine.Encryption is not null;

    /// <summary>Why it takes no more writes, after one failed; null while it does.</summary>
    public Exception? WriteFailure => Engine.Failure;

    /// <summary>
    /// Why the last checkpoint failed, or letting go of memory after it; null when neither did. Nothing is lost: until one succeeds, the log grows and opening takes longer. It is tried again when as much was written once more as makes one due (<see cref="DatabaseOptions.CheckpointBytes"/>), and at closing.
    /// </summary>
    public Exception? CheckpointFailure => Engine.CheckpointFailure;

    /// <summary>How far the archive of the log is; null without <see cref="DatabaseOptions.LogArchive"/>.</summary>
    public LogArchiveStatus? LogArchive => Engine.ArchiveStatus;

    private TextEmbedder? Embedder { get; }

    internal DatabaseEngine Engine => Volatile.Read(ref _engine);

    /// <summary>Whether there is a database in a folder, be it damaged. Opening one to write makes it where there is none.</summary>
    /// <param name="path">The folder.</param>
    public static bool Exists(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        return Directory.Exists(path) && DatabaseEngine.HasFiles(new DiskStorage(path, create: false));
    }

    /// <summary>Opens a database for reading and writing, or makes it.</summary>
    /// <param name="path">Its folder.</param>
    /// <param name="cancellationToken">Cancels before it is begun.</param>
    public static Task<VectorDatabase> OpenAsync(string path, CancellationToken cancellationToken = default) => OpenAsync(new DatabaseOptions { Path = path }, cancellationToken);

    /// <summary>Opens a database.</summary>
    /// <exception cref="ArgumentException">An option is out of its range.</exception>
    /// <exception cref="DatabaseException">Another process writes to it, it is not there and is to be read only, the disk has no room or fails, or it is encrypted and the vectors of a graph in memory do not fit <see cref="DatabaseOptions.DecryptedBytes"/>.</exception>
    /// <exception cref="DatabaseKeyException">It is encrypted and the key is missing or wrong, or a key was given and it is not encrypted. Nothing was changed.</exception>
    /// <exception cref="DatabaseCorruptException">Its manifest or the middle of its log is damaged. (A damaged collection does not stop the others: see <see cref="RecoveryReport.Warnings"/>.)</exception>
    public static Task<VectorDatabase> OpenAsync(DatabaseOptions options, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(options);
        options.Validate();
        return Task.Run(() => new VectorDatabase(Open(options)), cancellationToken).TellDiskFailure(CannotOpen(options));
    }

    /// <summary>Opens it again after it was closed: it, and the collections that were got from it, go on.</summary>
    /// <returns>This one.</returns>
    internal Task<VectorDatabase> ReopenAsync(CancellationToken cancellationToken)
    {
        var options = Engine.Options;
        options.Validate();
        return Task.Run(
            () =>
            {
                lock (_gate)
                {
                    Volatile.Write(ref _engine, Open(options));
                    return this;
                }
            },
            cancellationToken).TellDiskFailure(CannotOpen(options));
    }

    /// <summary>A collection of records of a class whose properties carry <see cref="RecordKeyAttribute"/>, <see cref="RecordDataAttribute"/> and <see cref="RecordVectorAttribute"/>. It need not exist yet.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="definition">Its definition when it is to differ from what the attributes say.</param>
    /// <exception cref="ArgumentException">Its keys are of another type than <typeparamref name="TKey"/>, or the class is no record.</exception>
    public VectorCollection<TKey, TRecord> GetCollection<TKey, [DynamicallyAccessedMembers(DynamicallyAccessedMemberTypes.PublicProperties | DynamicallyAccessedMemberTypes.PublicParameterlessConstructor)] TRecord>(string name, CollectionDefinition? definition = null)
        where TKey : notnull
        where TRecord : class, new()
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(name);
        return new VectorCollection<TKey, TRecord>(this, name, RecordConverter.OfClass<TRecord>(Embedder), definition);
    }

    /// <summary>A collection of records that are dictionaries from field names to values. It need not exist yet.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="definition">Its definition; needed only to make it.</param>
    public VectorCollection<object, Dictionary<string, object?>> GetDynamicCollection(string name, CollectionDefinition? definition = null)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(name);
        return new VectorCollection<object, Dictionary<string, object?>>(this, name, RecordConverter.OfDictionaries(Embedder), definition);
    }

    IVectorCollection<TKey, TRecord> IVectorDatabase.GetCollection<TKey, [DynamicallyAccessedMembers(DynamicallyAccessedMemberTypes.PublicProperties | DynamicallyAccessedMemberTypes.PublicParameterlessConstructor)] TRecord>(string name, CollectionDefinition? definition) => GetCollection<TKey, TRecord>(name, definition);

    IVectorCollection<object, Dictionary<string, object?>> IVectorDatabase.GetDynamicCollection(string name, CollectionDefinition? definition) => GetDynamicCollection(name, definition);

    /// <summary>The names of the collections, in order.</summary>
    public async IAsyncEnumerable<string> ListCollectionNamesAsync([EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        await Task.CompletedTask.ConfigureAwait(false);
        foreach (var name in Engine.CollectionNames)
        {
            cancellationToken.ThrowIfCancellationRequested();
            yield return name;
        }
    }

    /// <summary>Whether there is a collection of a name.</summary>
    public Task<bool> CollectionExistsAsync(string name, CancellationToken cancellationToken = default)
    {
        cancellationToken.ThrowIfCancellationRequested();
        return Task.FromResult(Engine.Find(name) is not null);
    }

    /// <summary>Deletes a collection with all its records, if it exists.</summary>
    public Task EnsureCollectionDeletedAsync(string name, CancellationToken cancellationToken = default) => Task.Run(() => Engine.Drop(name), cancellationToken);

    /// <summary>Writes what changed into files and starts the log anew, so that opening has less to read. Happens by itself, too.</summary>
    /// <exception cref="DatabaseException">The disk has no room, or fails; or the database takes no more writes. Nothing is lost.</exception>
    public Task CheckpointAsync(CancellationToken cancellationToken = default) =>
        Task.Run(() => Engine.Checkpoint(), cancellationToken).TellDiskFailure($"The database {Path} could not make a checkpoint; nothing is lost");

    /// <summary>
    /// Waits until every vector is in its graph. Searches are right before that, only slower. Where the database is open read-only it comes back at once: only the process that writes links vectors.
    /// </summary>
    /// <exception cref="DatabaseException">The database failed, so that they cannot be linked.</exception>
    public Task WaitForIndexAsync(CancellationToken cancellationToken = default) => Engine.WaitForIndexAsync(cancellationToken);

    /// <summary>Deletes the records that have outlived their collection's time to live. Happens every minute by itself; they are hidden from the moment on anyway.</summary>
    /// <returns>How many.</returns>
    public Task<int> DeleteExpiredAsync(CancellationToken cancellationToken = default) => Task.Run(() => Engine.DeleteExpired(), cancellationToken);

    /// <summary>Writes every collection anew, without what was deleted, and gives the memory back. Writes wait only while the last of those that came meanwhile are taken over; reads do not.</summary>
    /// <exception cref="DatabaseException">The disk has no room, or fails; or the database takes no more writes. Nothing is lost.</exception>
    public Task CompactAsync(CancellationToken cancellationToken = default) =>
        Task.Run(() => Engine.Compact(), cancellationToken).TellDiskFailure($"The database {Path} could not be compacted; nothing is lost");

    /// <summary>Lets another key open the database instead of the present one. Only the file <c>abi.keys</c> is written, so it takes no time; after a crash one of both keys opens it.
    /// Backups made before keep the key that they were made with, unless log is added to them.</summary>
    /// <param name="key">The new key; the caller's to dispose of.</param>
    /// <param name="cancellationToken">Cancels before it is begun.</param>
    /// <exception cref="DatabaseKeyException">The database is not encrypted.</exception>
    /// <exception cref="DatabaseException">The disk has no room, or fails: one of both keys opens the database then, the old one unless the disk failed after it had taken the new one.</exception>
    public Task ChangeKeyAsync(EncryptionKey key, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(key);
        return Task.Run(() => Engine.ChangeKey(key), cancellationToken).TellDiskFailure($"The key of the database {Path} could not be changed; one of both keys opens it");
    }

    /// <summary>Reads what the writing process has committed since; for a database that is open read-only.</summary>
    public Task RefreshAsync(CancellationToken cancellationToken = default) => Task.Run(
        () =>
        {
            Refresh();
            Engine.LetGoOfReplaced();
        },
        cancellationToken);

    // Apart, so that nothing here refers to an engine that was replaced any more then.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private void Refresh()
    {
        lock (_gate)
        {
            var engine = Engine;
            if (engine.IsReadOnly && !engine.TryReadOn())
            {
                // Whoever reads from the old files goes on doing so: they stay until nothing refers to them.
                var next = new DatabaseEngine(new DiskStorage(engine.Folder, create: false), engine.Options, limits: null, engine.Encryption);
                next.Replace(engine);
                Volatile.Write(ref _engine, next);
            }
        }
    }

    private static string CannotOpen(DatabaseOptions options) => $"The database {options.Path} could not be opened; what it has is safe";

    private static DatabaseEngine Open(DatabaseOptions options) => new(new DiskStorage(options.Path, create: options.Access == DatabaseAccess.ReadWrite), options);

    /// <summary>Closes it. Never throws.</summary>
    public void Dispose()
    {
        lock (_gate)
        {
            Engine.Dispose();
        }
    }

    /// <summary>Closes it. Never throws.</summary>
    public ValueTask DisposeAsync() => new(Task.Run(Dispose));
}
