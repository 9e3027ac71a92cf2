using Abi.Database.Encryption;
using Abi.Database.Engine;
using Abi.Database.Storage;

namespace Abi.Database.Backup;

/// <summary>
/// Makes a database out of a backup in an empty folder. It is made in a folder in there, so that it is on the same disk also where the folder is a mount point or a link, and then moved up, the
/// manifest last: a crash at any point leaves no database there, one without its manifest, which is refused, or the whole one.
/// </summary>
internal static class Restoration
{
    public const string WorkName = "abi.restoring";

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

                root.DeleteFolder(WorkName);
                root.Delete(DiskStorage.LockName);
            });
            throw;
        }

        TryDelete(() => root.DeleteFolder(WorkName)); // nothing is in it any more
        return sequence;
    }

    private static void RequireEmpty(IStorage root)
    {
        const string OfTheFileSystem = "lost+found"; // in every new one of some kinds
        var folders = root.Folders();
        if (root.List().Concat(folders).FirstOrDefault(name => name != OfTheFileSystem) is { } present)
        {
            throw new DatabaseException($"The folder {root.Folder} is not empty: '{present}' is there. Restore into an empty or a new one." + (folders.Contains(WorkName, StringComparer.Ordinal)
                ? $" A restore into it was cut short: delete '{WorkName}', and the files of a database beside it unless {Manifest.FileName} is among them."
                : ""));
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
            plain.Rename(Path.Combine(Name, name), name);
        }

        return sequence;
    }

    // Rows come first: a database is not made anew beside them, but its manifest is said to be missing.
    private static void MoveUp(IStorage work, IStorage root, Stack<string> moved)
    {
        foreach (var name in work.List().Where(name => name != Manifest.FileName).OrderDescending(StringComparer.Ordinal).Append(Manifest.FileName))
        {
            if (name == Manifest.FileName)
            {
                root.FlushFolder();
            }

            root.Rename(Path.Combine(WorkName, name), name);
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
