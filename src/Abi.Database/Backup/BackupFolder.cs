using System.Globalization;
using Abi.Database.Encryption;
using Abi.Database.Engine;
using Abi.Database.Log;
using Abi.Database.Storage;

namespace Abi.Database.Backup;

/// <summary>
/// A folder that backups are made in: chains, each in a folder of its own. A chain is there once its manifest is, which is written last and deleted first; what has none was cut short.
/// </summary>
/// <remarks>For one thread at a time. One that is opened for writing keeps others from that.</remarks>
internal sealed class BackupFolder : IDisposable
{
    private readonly IStorage _root;
    private readonly Guid _database;
    private readonly IDisposable _lock;

    /// <summary>Opens it for writing, and takes away what backups and deletions of this database that were cut short have left.</summary>
    /// <exception cref="DatabaseException">It is a database, or another backup is being made in it.</exception>
    public BackupFolder(IStorage root, Guid database)
    {
        (_root, _database) = (root, database);
        if (root.Exists(Manifest.FileName))
        {
            throw new DatabaseException($"{root.Folder} is a database itself, or a single backup. Name another folder for backups.");
        }

        _lock = root.TryLock() ?? throw new DatabaseException($"Another backup is being made in {root.Folder}. Wait until it is there, or name another folder.");
        try
        {
            DeleteLeftovers();
        }
        catch
        {
            _lock.Dispose();
            throw;
        }
    }

    /// <summary>Refuses to open a folder of backups as a database: it is none, and one that was made in it would be taken for the backup.</summary>
    /// <exception cref="DatabaseException">It is such a folder.</exception>
    public static void RefuseAsDatabase(IStorage root)
    {
        if (!root.Exists(Manifest.FileName) && All(root).Count > 0)
        {
            throw new DatabaseException($"There is no database at {root.Folder}: it is a folder of backups. Restore one into another folder, and open that.");
        }
    }

    /// <summary>The chains that are whole, oldest first.</summary>
    public static List<BackupChain> Chains(IStorage root) => All(root).FindAll(chain => IsWhole(root, chain));

    /// <summary>The chain, as a storage, that a restore is made from: the newest that is known to have the state which is wanted, else the oldest. Those of the newest one's database only.</summary>
    /// <param name="root">The folder, or one chain.</param>
    /// <param name="limits">The state.</param>
    /// <exception cref="DatabaseException">There is no backup, or nobody knows the state, for it is between two of them.</exception>
    public static IStorage OpenFor(IStorage root, RestoreOptions limits)
    {
        if (root.Exists(Manifest.FileName))
        {
            return root;
        }

        var chains = Chains(root);
        chains.RemoveAll(chain => chain.Database != chains[^1].Database);
        for (var i = chains.Count - 1; i >= 0; i--)
        {
            var storage = root.OpenFolder(chains[i].Name, create: false);
            if (HasState(storage, chains[i], limits))
            {
                if (i + 1 < chains.Count)
                {
                    RequireNoGap(root, storage, chains[i + 1], limits);
                }

                return storage;
            }

            if (i == 0)
            {
                return storage;
            }

            storage.Dispose();
        }

        throw new DatabaseException($"There is no backup in {root.Folder}. Name the folder that backups were made in.");
    }

    /// <summary>Copies the chain that a restore is made from, or a single one. Files are copied as they are: those of an encrypted backup stay encrypted. What else lies there is left.</summary>
    /// <returns>The time of the full backup, if its folder still has its name.</returns>
    /// <exception cref="DatabaseException">There is none, it is not sound, or it was deleted meanwhile.</exception>
    public static DateTimeOffset? Copy(IStorage root, IStorage target, RestoreOptions limits)
    {
        using var source = OpenFor(root, limits);
        try
        {
            using var encryption = source.Encryption = source.Exists(KeyFile.Name) ? KeyFile.Open(source, limits.EncryptionKey, 0) : null;
            if (Verification.Run(source, limits.ToSequence ?? long.MaxValue, needsEnd: limits.LogArchive is null) is { IsSound: false } report)
            {
                throw new DatabaseCorruptException(string.Join(' ', report.Problems), source.Folder);
            }

            var manifest = Manifest.Read(source);
            HashSet<string> named = [.. manifest.Files(), Manifest.FileName, KeyFile.Name, BackupEnd.FileName];
            foreach (var name in source.List().Where(name => named.Contains(name) || LogFormat.Number(name) >= manifest.FirstLogSegment))
            {
                using var file = source.OpenRead(name);
                FileCopy.Copy(file, target, name);
            }
        }
        catch (Exception error) when (error is AbiException or IOException && !source.Exists(Manifest.FileName))
        {
            throw new DatabaseException($"The backup {source.Folder} was deleted while it was being restored: a later one has taken its place. Restore again.", error);
        }

        return BackupChain.Parse(Path.GetFileName(Path.TrimEndingDirectorySeparator(source.Folder)))?.Time;
    }

    /// <summary>The newest chain, as a storage; null when there is none.</summary>
    public IStorage? OpenNewest() => Own().LastOrDefault() is { } chain ? _root.OpenFolder(chain.Name, create: false) : null;

    /// <summary>Makes the folder of a new chain.</summary>
    /// <param name="time">UTC ticks.</param>
    public IStorage Begin(long time) => _root.OpenFolder(BackupChain.Of(All(_root).Select(chain => chain.Number).DefaultIfEmpty().Max() + 1, time, _database).Name, create: true);

    /// <summary>Deletes what a backup that fails has written: it counts for nothing, and may have taken the last room.</summary>
    public void Abandon()
    {
        try
        {
            DeleteLeftovers();
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException or AbiException)
        {
            // the next backup does it, and what is to be heard is why this one failed
        }
    }

    /// <summary>Deletes the chains that are not to be kept, oldest first. The newest, which has just been checked, always stays.</summary>
    /// <param name="options">Which to keep.</param>
    /// <param name="now">UTC ticks.</param>
    /// <returns>How many were deleted.</returns>
    public int Prune(BackupOptions options, long now)
    {
        var chains = Own();
        var deleted = 0;
        for (var i = 0; i < chains.Count - options.Keep; i++)
        {
            // A moment after the next one was begun can be restored from that.
            if (options.KeepFor is { } time && chains[i + 1].Time.UtcTicks > now - time.Ticks)
            {
                break;
            }

            Delete(chains[i]);
            deleted++;
        }

        return deleted;
    }

    public void Dispose() => _lock.Dispose();

    private static List<BackupChain> All(IStorage root) => [.. root.Folders().Select(BackupChain.Parse).OfType<BackupChain>().OrderBy(chain => chain.Number)];

    private static bool IsWhole(IStorage root, BackupChain chain) => root.Exists($"{chain.Name}/{Manifest.FileName}"); // also false of a folder that is gone by now

    // A moment before the backup is known when it lies in the log behind the files.
    private static bool HasState(IStorage storage, BackupChain chain, RestoreOptions limits)
    {
        var (time, sequence) = (limits.ToTime ?? DateTimeOffset.MaxValue, limits.ToSequence ?? long.MaxValue);
        return (chain.Time <= time && sequence == long.MaxValue)
            || TryLook(storage, limits, manifest => manifest.OldestState <= sequence && (chain.Time <= time || FirstTime(storage, manifest) <= time.UtcTicks), otherwise: false);
    }

    // What was committed between the end of a chain and the beginning of the next one may have been made before the moment that is wanted, or after it.
    private static void RequireNoGap(IStorage root, IStorage storage, BackupChain next, RestoreOptions limits)
    {
        if (limits is not { ToTime: { } time, ToSequence: null, LogArchive: null })
        {
            return;
        }

        using var later = root.OpenFolder(next.Name, create: false);
        var begins = TryLook(later, limits, manifest => manifest.OldestState, otherwise: long.MaxValue);
        if (TryLook(storage, limits, manifest => new LogTail(storage, manifest), otherwise: null) is { } tail && tail.Sequence < begins && tail.LastTime < time.UtcTicks)
        {
            var what = begins < long.MaxValue ? $"the next begins with commit {begins}, which may have been made before or after" : $"the next, {next.Name}, cannot be read or has another key, so that what was committed before it is not known";
            throw new DatabaseException(string.Create(CultureInfo.InvariantCulture, $"No backup knows the state of {time.UtcDateTime:O}: one ends with commit {tail.Sequence}, and {what}. Restore to a commit that a backup has ({nameof(RestoreOptions)}.{nameof(RestoreOptions.ToSequence)}), or name the archive of the log, or a moment from {next.Time.UtcDateTime:O} on."));
        }
    }

    private static T TryLook<T>(IStorage storage, RestoreOptions limits, Func<Manifest, T> look, T otherwise)
    {
        try
        {
            using var encryption = storage.Encryption = KeyFile.Open(storage, storage.Exists(KeyFile.Name) ? limits.EncryptionKey : null, 0);
            return look(Manifest.Read(storage));
        }
        catch (Exception error) when (error is DatabaseCorruptException or DatabaseKeyException or IOException)
        {
            return otherwise; // an older one may be whole, and have been made with this key
        }
        finally
        {
            storage.Encryption = null;
        }
    }

    // When the first commit behind the files was made: UTC ticks; the end of time when nobody knows.
    private static long FirstTime(IStorage storage, Manifest manifest)
    {
        for (var number = manifest.FirstLogSegment; storage.Exists(LogFormat.Name(number)); number++)
        {
            // One is left empty when what is committed first does not fit.
            if (LogSegment.Read(storage, manifest.DatabaseId, number) is { FirstTime: > long.MinValue } segment)
            {
                return segment.FirstSequence == manifest.OldestState + 1 ? segment.FirstTime : long.MaxValue;
            }
        }

        return long.MaxValue;
    }

    private List<BackupChain> Own() => Chains(_root).FindAll(chain => chain.IsOf(_database));

    private void DeleteLeftovers()
    {
        foreach (var chain in All(_root).Where(chain => chain.IsOf(_database) && !IsWhole(_root, chain)))
        {
            DeleteLeftover(chain);
        }
    }

    // One that counts for nothing and cannot be deleted, such as another user's, only takes room: it is left to the next backup.
    private void DeleteLeftover(BackupChain chain)
    {
        try
        {
            Delete(chain);
        }
        catch (IOException)
        {
            // it stays
        }
    }

    // Without its manifest it is none: never half of one.
    private void Delete(BackupChain chain)
    {
        using (var storage = _root.OpenFolder(chain.Name, create: false))
        {
            if (storage.Exists(Manifest.FileName))
            {
                storage.Delete(Manifest.FileName);
                storage.FlushFolder();
            }
        }

        _root.DeleteFolder(chain.Name);
        _root.FlushFolder();
    }
}
