using Abi.Database.Encryption;
using Abi.Database.Engine;
using Abi.Database.Log;
using Abi.Database.Storage;

namespace Abi.Database.Backup;

/// <summary>A chain of backups in its folder: a manifest, its files, and the log since, which later backups lengthen.</summary>
internal static class FolderBackup
{
    /// <summary>The segment with which a sound chain can be gone on with; null when it is damaged or cannot be read, or the log since is not kept.</summary>
    public static long? FirstSegment(IStorage storage, Manifest manifest, IStorage target)
    {
        try
        {
            var old = Manifest.Read(target);
            if (old.DatabaseId != manifest.DatabaseId || !Verification.Run(target).IsSound)
            {
                return null;
            }

            var tail = new LogTail(target, old);
            if (tail.Segment >= old.FirstLogSegment && storage.Exists(LogFormat.Name(tail.Segment)))
            {
                return IsKept(storage, tail.Segment) && GoesOn(storage, target, old.DatabaseId, tail.Segment) ? tail.Segment : null;
            }

            return IsKept(storage, tail.Segment + 1) && LogSegment.ReadFirstSequence(storage, old.DatabaseId, tail.Segment + 1) == tail.Sequence + 1 ? tail.Segment + 1 : null;
        }
        catch (Exception error) when (error is DatabaseCorruptException or IOException)
        {
            return null; // a new one is begun
        }
    }

    /// <summary>Writes a backup and checks it.</summary>
    public static BackupReport Write(BackupSource source, IStorage target)
    {
        if (source.Keys is { } keys && source.IsIncremental)
        {
            KeyFile.Put(target, keys); // the key may have changed
        }

        var (files, bytes) = source.IsIncremental ? Lengthen(source, target) : Begin(source, target);
        var report = Verification.Run(target);
        if (report.IsSound && report.Sequence == source.Sequence)
        {
            return new BackupReport(source.Sequence, files, bytes, source.IsIncremental);
        }

        if (!source.IsIncremental)
        {
            target.Delete(Manifest.FileName); // without it there is no chain, which would count among those that are kept
            target.FlushFolder();
        }

        throw new DatabaseException($"The backup at {target.Folder} is not sound: {string.Join(' ', report.Problems.Append($"it ends with commit {report.Sequence} of {source.Sequence}."))} Make a full one.");
    }

    private static (int Files, long Bytes) Lengthen(BackupSource source, IStorage target)
    {
        var tail = new LogTail(target, Manifest.Read(target));
        var (files, bytes) = (0, 0L);
        foreach (var segment in source.Log)
        {
            var written = tail.Append(segment);
            files += written > 0 ? 1 : 0;
            bytes += written;
        }

        target.FlushFolder(); // also what a backup that failed has left
        BackupEnd.Write(target, source.Manifest.DatabaseId, source.Sequence);
        return (files, bytes);
    }

    // The manifest comes last: without it there is no chain.
    private static (int Files, long Bytes) Begin(BackupSource source, IStorage target)
    {
        if (source.Keys is { } keys)
        {
            KeyFile.Put(target, keys);
        }

        var (files, bytes) = (0, 0L);
        foreach (var (name, file) in source.Files.Where(file => file.Name != Manifest.FileName))
        {
            bytes += FileCopy.Copy(file, target, name);
            files++;
        }

        foreach (var segment in source.Log)
        {
            segment.WriteTo(target);
            bytes += segment.Bytes.Length;
            files++;
        }

        BackupEnd.Write(target, source.Manifest.DatabaseId, source.Sequence);
        source.Manifest.Write(target);
        return (files, bytes);
    }

    // Whether a segment and all that follow it are there: one that is left of log that was given up leads nowhere.
    private static bool IsKept(IStorage storage, long first)
    {
        var numbers = LogSegment.NumbersIn(storage);
        var kept = numbers.Count(number => number >= first);
        return kept > 0 && numbers[^kept] == first && numbers[^1] == first + kept - 1;
    }

    // Not where the database has lost the end of what was backed up.
    private static bool GoesOn(IStorage storage, IStorage target, Guid database, long number) =>
        LogSegment.Read(target, database, number).IsBeginningOf(LogSegment.Read(storage, database, number));
}
