using System.Buffers;
using System.Buffers.Binary;
using System.Text;
using Abi.Database.Encryption;
using Abi.Database.Engine;
using Abi.Database.Log;
using Abi.Database.Storage;

namespace Abi.Database.Backup;

/// <summary>
/// The bytes of a backup as a stream: pieces one after another, a full one first. A piece is written and read from its beginning to its end, without seeking.
/// <code>
/// header: "ABIBAK01", version i32, crc u32 of the header with this field 0, kind i32 (1 full, 2 incremental), zero i32,
///         database id [16], the commit that it follows i64 (incremental), its last commit i64, when it was made i64 (UTC ticks)
/// entry:  "FILE", name length i32, content length i64, name, crc u32 of the entry so far; content; crc u32 of the content
/// end:    "END.", number of entries i32, bytes of all contents i64, crc u32 of the whole piece so far
/// </code>
/// A full piece holds the manifest, the files that it names, the file of keys of an encrypted database, and the log; an incremental one the segments of the log from the one on that follows a commit.
/// </summary>
internal static class BackupPiece
{
    public const int Version = 1;
    public const int HeaderBytes = 64;
    public const int EntryBytes = 16;
    public const int EndBytes = 20;
    public const int Full = 1;
    public const int Incremental = 2;
    public const int LongestName = 100;

    private static readonly SearchValues<char> InNames = SearchValues.Create("abcdefghijklmnopqrstuvwxyz0123456789-");

    public static ReadOnlySpan<byte> Magic => "ABIBAK01"u8;

    public static ReadOnlySpan<byte> File => "FILE"u8;

    public static ReadOnlySpan<byte> End => "END."u8;

    public static byte[] Header(BackupSource source, long time)
    {
        var header = new byte[HeaderBytes];
        Magic.CopyTo(header);
        BinaryPrimitives.WriteInt32LittleEndian(header.AsSpan(8), Version);
        BinaryPrimitives.WriteInt32LittleEndian(header.AsSpan(16), source.IsIncremental ? Incremental : Full);
        source.Manifest.DatabaseId.TryWriteBytes(header.AsSpan(24));
        BinaryPrimitives.WriteInt64LittleEndian(header.AsSpan(40), source.IsIncremental ? source.After : 0);
        BinaryPrimitives.WriteInt64LittleEndian(header.AsSpan(48), source.Sequence);
        BinaryPrimitives.WriteInt64LittleEndian(header.AsSpan(56), time);
        BinaryPrimitives.WriteUInt32LittleEndian(header.AsSpan(12), Crc32C.Compute(header));
        return header;
    }

    public static byte[] Entry(string name, long length)
    {
        var writer = new ByteWriter();
        writer.Bytes(File);
        writer.Int32(name.Length);
        writer.Int64(length);
        writer.Bytes(Encoding.ASCII.GetBytes(name));
        writer.UInt32(Crc32C.Compute(writer.Span));
        return writer.ToArray();
    }

    /// <summary>Whether a piece may have a file of this name. Nothing else becomes a path.</summary>
    public static bool IsName(string name) =>
        name is Manifest.FileName or KeyFile.Name
        || (name.Length <= LongestName && name.EndsWith(".abi", StringComparison.Ordinal) && !name.AsSpan(0, name.Length - 4).ContainsAnyExcept(InNames)
            && (LogFormat.Number(name) >= 0 || name.StartsWith("rows-", StringComparison.Ordinal) || name.StartsWith("graph-", StringComparison.Ordinal)));
}
