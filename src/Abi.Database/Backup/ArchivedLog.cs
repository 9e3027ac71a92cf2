using Abi.Database.Engine;
using Abi.Database.Log;
using Abi.Database.Storage;

namespace Abi.Database.Backup;

/// <summary>The archive of a database's log: a folder in which every database has one of its own, named by its identity.</summary>
internal static class ArchivedLog
{
    /// <summary>Opens a database's folder of an archive, or makes it. The archive itself is not made: when its disk is not there, nothing must be written into the empty place.</summary>
    public static IStorage Open(string archive, Guid database) => Directory.Exists(archive)
        ? new DiskStorage(Path.Combine(archive, database.ToString("N")), create: true)
        : throw new DatabaseException($"There is no folder {Path.GetFullPath(archive)}. Make it, or bring back the disk that it is on.");

    /// <summary>Adds the archived log to a backup, as far as the limits want it.</summary>
    /// <param name="backup">The backup, in a place of its own.</param>
    /// <param name="limits">The archive, and the last commit wanted.</param>
    /// <exception cref="DatabaseException">The archive has nothing of this database, or commits are missing.</exception>
    public static void Append(IStorage backup, RestoreOptions limits)
    {
        var manifest = Manifest.Read(backup);
        var folder = Path.Combine(limits.LogArchive!, manifest.DatabaseId.ToString("N"));
        if (!Directory.Exists(folder))
        {
            throw new DatabaseException($"The archive {Path.GetFullPath(limits.LogArchive!)} has no log of the database of this backup: there is no folder {manifest.DatabaseId:N} in it. Name the archive that the database wrote to.");
        }

        using var archive = new DiskStorage(folder, create: false);
        Append(backup, manifest, archive, limits);
    }

    internal static void Append(IStorage backup, Manifest manifest, IStorage archive, RestoreOptions limits)
    {
        var tail = new LogTail(backup, manifest);
        foreach (var number in LogSegment.NumbersIn(archive).Where(number => number >= Math.Max(tail.Segment, manifest.FirstLogSegment)))
        {
            if (tail.Sequence >= (limits.ToSequence ?? long.MaxValue) || tail.LastTime > (limits.ToTime?.UtcTicks ?? long.MaxValue))
            {
                break;
            }

            // One that lies behind a gap is refused here.
            tail.Append(LogSegment.ReadCopy(archive, manifest.DatabaseId, number));
        }

        // The archive may have an end that the backup lost; it may also lack it.
        if (BackupEnd.Read(backup, manifest.DatabaseId) is { } end && tail.Sequence < Math.Min(end, limits.ToSequence ?? long.MaxValue) && tail.LastTime <= (limits.ToTime?.UtcTicks ?? long.MaxValue))
        {
            throw new DatabaseCorruptException($"The frame of sequence {tail.Sequence + 1} is damaged or missing; the backup was made up to commit {end}, and the archive does not have it either. Restore up to commit {tail.Sequence} (RestoreOptions.ToSequence).", Path.Combine(backup.Folder, LogFormat.Name(Math.Max(tail.Segment, manifest.FirstLogSegment))));
        }

        backup.FlushFolder();
    }
}
