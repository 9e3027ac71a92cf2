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

    /// <summary>Why it takes no more writes, after one failed; null while it does.</summary>
    public Exception? WriteFailure => Engine.Failure;

    private TextEmbedder? Embedder { get; }

    internal DatabaseEngine Engine => Volatile.Read(ref _engine);

    /// <summary>Opens a database for reading and writing, or makes it.</summary>
    /// <param name="path">Its folder.</param>
    /// <param name="cancellationToken">Cancels before it is begun.</param>
    public static Task<VectorDatabase> OpenAsync(string path, CancellationToken cancellationToken = default) => OpenAsync(new DatabaseOptions { Path = path }, cancellationToken);

    /// <summary>Opens a database.</summary>
    /// <exception cref="DatabaseException">Another process writes to it, or it is not there and is to be read only.</exception>
    /// <exception cref="DatabaseCorruptException">Its manifest or the middle of its log is damaged. (A damaged collection does not stop the others: see <see cref="RecoveryReport.Warnings"/>.)</exception>
    public static Task<VectorDatabase> OpenAsync(DatabaseOptions options, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentException.ThrowIfNullOrWhiteSpace(options.Path, nameof(options));
        return Task.Run(() => new VectorDatabase(new DatabaseEngine(new DiskStorage(options.Path, create: options.Access == DatabaseAccess.ReadWrite), options)), cancellationToken);
    }

    /// <summary>A collection of records of a class whose properties carry <see cref="RecordKeyAttribute"/>, <see cref="RecordDataAttribute"/> and <see cref="RecordVectorAttribute"/>. It need not exist yet.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="definition">Its definition when it is to differ from what the attributes say.</param>
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
    public Task CheckpointAsync(CancellationToken cancellationToken = default) => Task.Run(() => Engine.Checkpoint(), cancellationToken);

    /// <summary>Waits until every vector is in its graph. Searches are right before that, only slower.</summary>
    public Task WaitForIndexAsync(CancellationToken cancellationToken = default) => Engine.WaitForIndexAsync(cancellationToken);

    /// <summary>Deletes the records that have outlived their collection's time to live. Happens every minute by itself; they are hidden from the moment on anyway.</summary>
    /// <returns>How many.</returns>
    public Task<int> DeleteExpiredAsync(CancellationToken cancellationToken = default) => Task.Run(() => Engine.DeleteExpired(), cancellationToken);

    /// <summary>Writes every collection anew, without what was deleted, and gives the memory back. Writes wait meanwhile; reads do not.</summary>
    public Task CompactAsync(CancellationToken cancellationToken = default) => Task.Run(() => Engine.Compact(), cancellationToken);

    /// <summary>
    /// Copies the database into a folder while it is in use, and checks the copy. When the folder has an earlier backup of it and the log since was kept
    /// (<see cref="DatabaseOptions.KeepLog"/>), only that log is copied, and the backup can be restored to any commit since its first.
    /// </summary>
    public Task<BackupReport> BackupAsync(string folder, CancellationToken cancellationToken = default)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(folder);
        return Task.Run(
            () =>
            {
                using var target = new DiskStorage(folder, create: true);
                return Engine.Backup(target);
            },
            cancellationToken);
    }

    /// <summary>Makes a database in an empty or new folder out of a backup, which is checked first.</summary>
    /// <param name="backup">The backup's folder.</param>
    /// <param name="folder">The database's folder.</param>
    /// <param name="options">Which state to restore; unset, the last.</param>
    /// <param name="cancellationToken">Cancels before it is begun.</param>
    /// <returns>The last commit of the restored database.</returns>
    /// <exception cref="DatabaseCorruptException">The backup is damaged.</exception>
    public static Task<long> RestoreAsync(string backup, string folder, RestoreOptions? options = null, CancellationToken cancellationToken = default)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(backup);
        ArgumentException.ThrowIfNullOrWhiteSpace(folder);
        return Task.Run(
            () =>
            {
                var full = System.IO.Path.GetFullPath(folder);
                if (Directory.Exists(full) && Directory.EnumerateFileSystemEntries(full).Any())
                {
                    throw new DatabaseException($"The folder {full} is not empty; restore into a new one.");
                }

                using var source = new DiskStorage(backup, create: false);
                if (Backup.Verification.Run(source) is { IsSound: false } report)
                {
                    throw new DatabaseCorruptException(string.Join(' ', report.Problems), source.Folder);
                }

                // Beside, so that a restore that is cut short never looks like a database.
                var temporary = full.TrimEnd(System.IO.Path.DirectorySeparatorChar) + ".restoring";
                if (Directory.Exists(temporary))
                {
                    Directory.Delete(temporary, recursive: true);
                }

                var target = new DiskStorage(temporary, create: true);
                foreach (var name in source.List())
                {
                    Backup.FileCopy.Copy(source, target, name);
                }

                var sequence = DatabaseEngine.Restore(target, new DatabaseOptions { Path = temporary }, options ?? new RestoreOptions());
                if (Directory.Exists(full))
                {
                    Directory.Delete(full);
                }

                Directory.Move(temporary, full);
                LibC.FlushFolder(System.IO.Path.GetDirectoryName(full) ?? full);
                return sequence;
            },
            cancellationToken);
    }

    /// <summary>Reads and checks every byte of the database's files.</summary>
    public Task<VerificationReport> VerifyAsync(CancellationToken cancellationToken = default) => Task.Run(() => Engine.Verify(), cancellationToken);

    /// <summary>Reads and checks every byte of a database or backup that nobody writes to.</summary>
    public static Task<VerificationReport> VerifyAsync(string path, CancellationToken cancellationToken = default)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(path);
        return Task.Run(
            () =>
            {
                using var storage = new DiskStorage(path, create: false);
                return Backup.Verification.Run(storage);
            },
            cancellationToken);
    }

    /// <summary>Reads what the writing process has committed since; for a database that is open read-only.</summary>
    public Task RefreshAsync(CancellationToken cancellationToken = default) => Task.Run(
        () =>
        {
            var engine = Engine;
            if (engine.IsReadOnly && !engine.TryReadOn())
            {
                // Whoever reads from the old files goes on doing so: they stay until nothing refers to them.
                Volatile.Write(ref _engine, new DatabaseEngine(new DiskStorage(engine.Folder, create: false), engine.Options));
            }
        },
        cancellationToken);

    /// <summary>Closes it. Never throws.</summary>
    public void Dispose() => Engine.Dispose();

    /// <summary>Closes it. Never throws.</summary>
    public ValueTask DisposeAsync() => new(Task.Run(Dispose));
}
