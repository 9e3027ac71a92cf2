#pragma warning disable MA0048 // a part of VectorDatabase
using Abi.Database.Backup;
using Abi.Database.Storage;

namespace Abi.Database;

/// <content>Backup, restore, verification, the archive of the log.</content>
public sealed partial class VectorDatabase
{
    /// <summary>
    /// Copies the database into a folder while it is in use, and checks the copy. When the folder has an earlier backup of it and the log since was kept
    /// (<see cref="DatabaseOptions.KeepLog"/>), only that log is copied, and the backup can be restored to any commit since the full one that it follows. Else, or when asked to, a full backup begins a
    /// chain of its own beside the earlier ones, which are deleted afterwards as far as the options say.
    /// </summary>
    /// <param name="folder">The folder; several databases may use one.</param>
    /// <param name="options">What to make and what to keep; unset, the log where that will do, and the newest chain.</param>
    /// <param name="cancellationToken">Cancels before it is begun.</param>
    /// <remarks>No checkpoint is made meanwhile. A database that is open read-only can be backed up, too, beside the process that writes to it.</remarks>
    /// <exception cref="DatabaseException">The folder is a database, another backup is being made in it, a disk has no room or fails, or the copy is not sound: earlier backups are all there then. Or it is, but earlier ones could not be deleted, which the message says.</exception>
    public Task<BackupReport> BackupAsync(string folder, BackupOptions? options = null, CancellationToken cancellationToken = default)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(folder);
        options ??= new BackupOptions();
        options.Validate();
        return Task.Run(
            () =>
            {
                using var root = new DiskStorage(folder, create: true);
                return Engine.Backup(root, options);
            },
            cancellationToken).TellDiskFailure($"The database {Path} could not be backed up into {folder}; earlier backups there are whole");
    }

    /// <summary>
    /// Writes a backup to a stream, from its beginning to its end, while the database is in use: all of it, or the log after a commit. Pieces that follow one another can be kept apart, or in one
    /// stream one after another, and are restored together.
    /// </summary>
    /// <param name="target">The stream; only written to and flushed. After an exception what it has is not a backup, and is refused as one.</param>
    /// <param name="afterSequence">For an incremental backup: the commit that it is to follow, usually <see cref="BackupReport.Sequence"/> of the one before. Null for a full one.</param>
    /// <param name="cancellationToken">Cancels.</param>
    /// <remarks>No checkpoint is made meanwhile. Closing the database ends it. What the stream throws passes unchanged, so an <see cref="IOException"/> is the stream's.</remarks>
    /// <exception cref="DatabaseException">The log after that commit is not kept (<see cref="DatabaseOptions.KeepLog"/>), or the database's own disk has no room or fails.</exception>
    /// <exception cref="DatabaseCorruptException">A file of the database is damaged, so that its backup would be.</exception>
    public Task<BackupReport> BackupAsync(Stream target, long? afterSequence = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(target);
        ArgumentOutOfRangeException.ThrowIfNegative(afterSequence.GetValueOrDefault(), nameof(afterSequence));
        return Task.Run(() => Engine.BackupAsync(target, afterSequence, cancellationToken), cancellationToken);
    }

    /// <summary>Ends the current segment of the log and waits until everything committed so far is in the archive (<see cref="DatabaseOptions.LogArchive"/>).</summary>
    /// <returns>The last commit that is in the archive.</returns>
    /// <exception cref="DatabaseException">There is no archive, or it cannot be written to. Nothing is lost.</exception>
    public Task<long> ArchiveLogAsync(CancellationToken cancellationToken = default) => Task.Run(() => Engine.ArchiveLog(), cancellationToken);

    /// <summary>Makes a database in an empty or new folder out of a backup, which is checked first.</summary>
    /// <param name="backup">The folder that backups were made in: of the chains there, the newest that is known to have the state that is wanted is taken: one that was begun before, or whose log has it. Where several databases use the folder, only those of the one that was backed up in full last. Or the folder of one chain.</param>
    /// <param name="folder">The database's folder.</param>
    /// <param name="options">Which state to restore, and the archive whose log goes on where the backup ends; unset, the backup's last.</param>
    /// <param name="cancellationToken">Cancels before it is begun.</param>
    /// <returns>The last commit of the restored database.</returns>
    /// <exception cref="DatabaseCorruptException">The backup or the archive is damaged. Damage behind the commit that is wanted (<see cref="RestoreOptions.ToSequence"/>) does not matter, nor does a damaged end that the archive has.</exception>
    /// <exception cref="DatabaseKeyException">The backup is encrypted, and the key is missing or wrong.</exception>
    /// <exception cref="DatabaseException">The folder is not empty, a disk has no room or fails, commits are missing between the backup and the archive, or the commit or moment that is wanted is not there.</exception>
    public static Task<long> RestoreAsync(string backup, string folder, RestoreOptions? options = null, CancellationToken cancellationToken = default)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(backup);
        ArgumentException.ThrowIfNullOrWhiteSpace(folder);
        return RestoreAsync(folder, options, target => Task.Run(() => CopyBackup(backup, target, options ?? new RestoreOptions())), cancellationToken);
    }

    /// <summary>Makes a database in an empty or new folder out of a stream with a full backup and any incremental ones after it; see <see cref="RestoreAsync(IEnumerable{Stream}, string, RestoreOptions, CancellationToken)"/>.</summary>
    public static Task<long> RestoreAsync(Stream backup, string folder, RestoreOptions? options = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(backup);
        return RestoreAsync([backup], folder, options, cancellationToken);
    }

    /// <summary>Makes a database in an empty or new folder out of a full backup and incremental ones.</summary>
    /// <param name="backups">The streams in order, each read from where it stands to its end: the first begins with a full backup, and every one that follows goes on where the one before ended.</param>
    /// <param name="folder">The database's folder.</param>
    /// <param name="options">Which state to restore, and the archive whose log goes on where the backups end; unset, their last.</param>
    /// <param name="cancellationToken">Cancels.</param>
    /// <returns>The last commit of the restored database.</returns>
    /// <exception cref="DatabaseCorruptException">A stream is damaged or was cut off.</exception>
    /// <exception cref="DatabaseKeyException">The backup is encrypted, and the key is missing or wrong.</exception>
    /// <exception cref="DatabaseException">The folder is not empty, a disk has no room or fails, the streams are of several databases, commits are missing between them, or the commit or moment that is wanted is not there.</exception>
    public static Task<long> RestoreAsync(IEnumerable<Stream> backups, string folder, RestoreOptions? options = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(backups);
        ArgumentException.ThrowIfNullOrWhiteSpace(folder);
        return RestoreAsync(
            folder,
            options,
            async target =>
            {
                var reader = new BackupPieceReader(target, options?.EncryptionKey);
                var number = 0;
                foreach (var backup in backups)
                {
                    await reader.ReadAsync(backup, $"stream {++number}", cancellationToken).ConfigureAwait(false);
                }

                if (number == 0)
                {
                    throw new ArgumentException("There is no stream to restore.", nameof(backups));
                }

                return reader.Time;
            },
            cancellationToken);
    }

    /// <summary>Reads and checks every byte of the database's files, up to the last commit. Commits go on meanwhile.</summary>
    public Task<VerificationReport> VerifyAsync(CancellationToken cancellationToken = default) => Task.Run(() => Engine.Verify(), cancellationToken);

    /// <summary>
    /// Reads and checks every byte of a database, or of all backups in a folder, that nobody writes to. Without the key of an encrypted one only the checksums of what is on the disk are checked
    /// (<see cref="VerificationReport.IsSealed"/>).
    /// </summary>
    public static Task<VerificationReport> VerifyAsync(string path, CancellationToken cancellationToken = default) => VerifyAsync(path, null, cancellationToken);

    /// <summary>
    /// Reads and checks every byte of a database, or of all backups in a folder, that nobody writes to; with the key of an encrypted one also that nobody changed it. Of backups, the newest must have this
    /// key; earlier ones that have another, for they are of another database or were made before the key was changed, are checked without (<see cref="VerificationReport.IsSealed"/>).
    /// </summary>
    /// <exception cref="DatabaseKeyException">The key is wrong, or the database is not encrypted.</exception>
    public static Task<VerificationReport> VerifyAsync(string path, EncryptionKey? key, CancellationToken cancellationToken = default)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(path);
        return Task.Run(
            () =>
            {
                using var storage = new DiskStorage(path, create: false);
                return Backup.Verification.RunAll(storage, key);
            },
            cancellationToken);
    }

    private static Task<long> RestoreAsync(string folder, RestoreOptions? options, Func<IStorage, Task<DateTimeOffset?>> fill, CancellationToken cancellationToken) => Task.Run(
        async () =>
        {
            var isNew = !Directory.Exists(folder);
            using var root = new DiskStorage(folder, create: true);
            try
            {
                return await Restoration.RunAsync(root, options ?? new RestoreOptions(), fill).ConfigureAwait(false);
            }
            catch when (isNew)
            {
                try
                {
                    Directory.Delete(root.Folder);
                }
                catch (Exception error) when (error is IOException or UnauthorizedAccessException)
                {
                    // Somebody has put something there, or it is left empty: why restoring failed matters more.
                }

                throw;
            }
        },
        cancellationToken).TellDiskFailure($"The backup could not be restored into {folder}");

    private static DateTimeOffset? CopyBackup(string backup, IStorage target, RestoreOptions options)
    {
        if (!Directory.Exists(backup))
        {
            throw new DatabaseException($"There is no backup at {System.IO.Path.GetFullPath(backup)}: the folder does not exist.");
        }

        using var root = new DiskStorage(backup, create: false);
        return BackupFolder.Copy(root, target, options);
    }
}
