using Abi.Database.Encryption;
using Abi.Database.Engine;
using Abi.Database.Storage;

namespace Abi.Database.Backup;

/// <summary>
/// Makes a database out of a backup in an empty folder. It is made in a folder in there, so that it is on the same disk also where the folder is a mount point or a link, and then moved up, the
/// manifest last: a crash at any point leaves the whole database, or that folder and no manifest beside it, which is refused.
/// </summary>
internal static class Restoration
{
    public const string WorkName = "abi.restoring";

    private const string Unfinished = $"A restore into it goes on elsewhere, or was cut short: if it was, delete '{WorkName}' and the files of a database beside it, and restore again.";

    /// <summary>Restores.</summary>
    /// <param name="root">The folder.</param>
    /// <param name="options">Which state, and the key.</param>
    /// <param name="fill">Writes the backup's files, and gives the time of the full backup if that is known.</param>
    /// <returns>The last commit.</returns>
    /// <exception cref="DatabaseException">The folder is not empty, or in use; nothing was done. Or the backup cannot be restored; then the folder is empty.</exception>
    public static async Task<long> RunAsync(IStorage root, RestoreOptions options, Func<IStorage, Task<DateTimeOffset?>> fill)
    {
        RequireEmpty(root);
        using var held = root.TryLock() ?? throw new DatabaseException($"The folder {root.Folder} is in use elsewhere. Restore into another one.");
        RequireEmpty(root); // somebody else may have made a database there meanwhile
        Stack<string> moved = [];
        long sequence;
        try
        {
            using var work = root.OpenFolder(WorkName, create: true);
            sequence = await MakeAsync(work, options, fill).ConfigureAwait(false);
            MoveUp(work, root, moved);
        }
        catch
        {
            TryDelete(() =>
            {
                foreach (var name in moved)
                {
                    root.Delete(name);
                }

                root.FlushFolder(); // as long as the folder in there is, what comes back is no database
                root.DeleteFolder(WorkName);
                root.Delete(DiskStorage.LockName);
            });
            throw;
        }

        DeleteRest(root);
        return sequence;
    }

    /// <summary>Refuses to open what a restore that goes on, or was cut short, has made so far: it is no database, and none must be made beside it.</summary>
    /// <exception cref="DatabaseException">There is such a thing.</exception>
    public static void RefuseUnfinished(IStorage root)
    {
        if (IsUnfinished(root))
        {
            throw new DatabaseException($"There is no database at {root.Folder}. {Unfinished}");
        }
    }

    /// <summary>Deletes what is left beside a database that is whole. By whoever holds the folder's lock.</summary>
    public static void DeleteRest(IStorage root)
    {
        if (root.Folders().Contains(WorkName, StringComparer.Ordinal))
        {
            TryDelete(() => root.DeleteFolder(WorkName));
        }
    }

    private static bool IsUnfinished(IStorage root) => !root.Exists(Manifest.FileName) && root.Folders().Contains(WorkName, StringComparer.Ordinal);

    private static void RequireEmpty(IStorage root)
    {
        const string OfTheFileSystem = "lost+found"; // in every new one of some kinds
        if (root.List().Concat(root.Folders()).FirstOrDefault(name => name != OfTheFileSystem) is { } present)
        {
            throw new DatabaseException($"The folder {root.Folder} is not empty: '{present}' is there. {(IsUnfinished(root) ? Unfinished : "Restore into an empty or a new one.")}");
        }
    }

    // In a storage whose files are those of the database then.
    private static async Task<long> MakeAsync(IStorage work, RestoreOptions options, Func<IStorage, Task<DateTimeOffset?>> fill)
    {
        try
        {
            options = options with { BackupTime = await fill(work).ConfigureAwait(false) };
            work.Encryption ??= work.Exists(KeyFile.Name) ? KeyFile.Open(work, options.EncryptionKey, 0) : null;
            if (options.LogArchive is not null)
            {
                ArchivedLog.Append(work, options);
            }

            return work.Encryption is null && options.EncryptionKey is { } key ? Encrypt(work, key, options)
                : DatabaseEngine.Restore(work, new DatabaseOptions { Path = work.Folder, EncryptionKey = options.EncryptionKey }, options);
        }
        finally
        {
            work.Encryption?.Dispose();
        }
    }

    // By way of a folder of its own, whose files then take the place of the plain ones; those go first, or restoring fails.
    private static long Encrypt(IStorage plain, EncryptionKey key, RestoreOptions options)
    {
        const string Name = "encrypted";
        long sequence;
        using var target = plain.OpenFolder(Name, create: true);
        using (var engine = new DatabaseEngine(plain, new DatabaseOptions { Path = plain.Folder, Access = DatabaseAccess.ReadOnly }, options))
        using (target.Encryption = KeyFile.Create(target, key, 0))
        {
            sequence = engine.WriteTo(target, options);
        }

        foreach (var name in plain.List())
        {
            plain.Delete(name);
        }

        foreach (var name in target.List())
        {
            plain.Rename($"{Name}/{name}", name);
        }

        return sequence;
    }

    private static void MoveUp(IStorage work, IStorage root, Stack<string> moved)
    {
        foreach (var name in work.List().Where(name => name != Manifest.FileName).Append(Manifest.FileName))
        {
            if (name == Manifest.FileName)
            {
                root.FlushFolder();
            }

            root.Rename($"{WorkName}/{name}", name);
            moved.Push(name);
        }

        root.FlushFolder();
    }

    private static void TryDelete(Action delete)
    {
        try
        {
            delete();
        }
        catch (IOException)
        {
            // What is left does no harm, and why restoring failed matters more.
        }
    }
}
