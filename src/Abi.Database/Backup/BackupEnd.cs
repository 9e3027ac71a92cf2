using System.Buffers.Binary;
using Abi.Database.Encryption;
using Abi.Database.Log;
using Abi.Database.Storage;

namespace Abi.Database.Backup;

/// <summary>
/// The file <c>abi.end</c> of a backup that is a folder: with which commit its log ends at least, so that an end that is damaged or lost is told from one that never was. Replaced whole, after the log.
/// A database that is written to has none: its end is what its log says.
/// [ "ABIEND01", version i32, crc u32 of all that follows, database id [16], last commit i64 ].
/// </summary>
internal static class BackupEnd
{
    public const string FileName = "abi.end";
    private const int Bytes = SmallFile.HeaderBytes + 16 + 8;

    private static readonly SmallFile Format = new("ABIEND01", 1, "the end of a backup", "Use another copy of the backup.");

    /// <summary>Writes it and makes it durable.</summary>
    public static void Write(IStorage storage, Guid database, long sequence)
    {
        var writer = Format.Begin();
        database.TryWriteBytes(writer.Take(16));
        writer.Int64(sequence);
        storage.ReplaceContent(FileName, SmallFile.Seal(writer));
    }

    /// <summary>The commit; null where there is no such file.</summary>
    /// <exception cref="DatabaseCorruptException">It is damaged, or that of another database.</exception>
    public static long? Read(IStorage storage, Guid database)
    {
        if (!storage.Exists(FileName))
        {
            return null;
        }

        var path = Path.Combine(storage.Folder, FileName);
        using var file = storage.OpenContent(FileName);
        var bytes = Format.Read(file, Bytes, path);
        return bytes.Length == Bytes && new Guid(bytes.AsSpan(SmallFile.HeaderBytes, 16)) == database
            ? BinaryPrimitives.ReadInt64LittleEndian(bytes.AsSpan(SmallFile.HeaderBytes + 16))
            : throw new DatabaseCorruptException("The end of the backup is of another database, or too short. Use another copy of the backup.", path, SmallFile.HeaderBytes);
    }

    /// <summary>Checks that a log which was read to its end has all of the backup.</summary>
    /// <exception cref="DatabaseCorruptException">It ends before, or something stands behind its last frame.</exception>
    public static void Check(IStorage storage, LogScan scan, long end)
    {
        if (scan.LastSequence < end || scan.SegmentLength != scan.End)
        {
            throw new DatabaseCorruptException(
                $"The frame of sequence {scan.LastSequence + 1} is damaged or missing; the backup was made up to commit {Math.Max(end, scan.LastSequence + 1)}. Use another copy of it or the archive of the log, or restore up to commit {scan.LastSequence} (RestoreOptions.ToSequence).",
                Path.Combine(storage.Folder, LogFormat.Name(scan.Segment)),
                scan.End);
        }
    }
}
