using System.Buffers.Binary;
using System.Globalization;
using Abi.Database.Encryption;
using Abi.Database.Storage;

namespace Abi.Database.Log;

/// <summary>
/// The bytes of a log segment, the file <c>log-NUMBER.abi</c>: a header of 512 bytes, then frames on multiples of 8, then zeros, or what earlier programs left that used files again.
/// <code>
/// header: "ABILOG01", version u32, crc u32, database id [16], number i64, first sequence i64
/// frame:  crc u32, payload length i32, sequence i64, time i64 (UTC ticks), durable end i64, payload, zeros up to a multiple of 8
/// </code>
/// A frame's checksum covers all that follows it and depends on the segment's number, so that remains never pass for frames. <c>durable end</c> is the offset below which
/// everything was durable when the frame was written: a damaged frame below the durable end of a later one was once promised, any other is a write that never finished.
/// In an encrypted database the payload is sealed, <see cref="LogCipher"/>; the rest is the same, so that the end is found without the key.
/// </summary>
internal static class LogFormat
{
    public const int Version = 1;
    public const int HeaderBytes = 512;
    public const int FrameHeaderBytes = 32;
    public const int DatabaseOffset = 16; // in the header
    public const string Prefix = "log-";
    public const string SpareName = "spare-log.abi"; // where earlier programs kept a segment for use again

    private static ReadOnlySpan<byte> Magic => "ABILOG01"u8;

    public static string Name(long number) => string.Create(CultureInfo.InvariantCulture, $"{Prefix}{number:d12}.abi");

    /// <summary>The segment's number by its name, or -1.</summary>
    public static long Number(string name) =>
        name.StartsWith(Prefix, StringComparison.Ordinal) && name.EndsWith(".abi", StringComparison.Ordinal)
            && long.TryParse(name.AsSpan(Prefix.Length, name.Length - Prefix.Length - 4), NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? number : -1;

    /// <summary>The most bytes that a commit may have: a segment is read into one array.</summary>
    public static int LargestPayload => Array.MaxLength - HeaderBytes - FrameHeaderBytes - LogCipher.OverheadBytes - 8;

    public static int FrameBytes(int payloadBytes) => FrameHeaderBytes + ((payloadBytes + 7) & ~7);

    public static uint Salt(Guid database, long number)
    {
        Span<byte> bytes = stackalloc byte[24];
        database.TryWriteBytes(bytes);
        BinaryPrimitives.WriteInt64LittleEndian(bytes[16..], number);
        return Crc32C.Compute(bytes);
    }

    public static byte[] Header(Guid database, long number, long firstSequence)
    {
        var header = new byte[HeaderBytes];
        Magic.CopyTo(header);
        BinaryPrimitives.WriteInt32LittleEndian(header.AsSpan(8), Version);
        database.TryWriteBytes(header.AsSpan(16));
        BinaryPrimitives.WriteInt64LittleEndian(header.AsSpan(32), number);
        BinaryPrimitives.WriteInt64LittleEndian(header.AsSpan(40), firstSequence);
        BinaryPrimitives.WriteUInt32LittleEndian(header.AsSpan(12), Crc32C.Compute(header));
        return header;
    }

    /// <summary>Checks a segment's header.</summary>
    /// <returns>The sequence of the segment's first frame.</returns>
    public static long ReadHeader(ReadOnlySpan<byte> segment, Guid database, long number, string path)
    {
        if (segment.Length < HeaderBytes || !segment[..8].SequenceEqual(Magic))
        {
            throw new DatabaseCorruptException("This is not a log segment: its first bytes are not ABILOG01. Restore a backup, or open with RecoveryMode.Salvage to keep what goes before.", path, 0);
        }

        if (BinaryPrimitives.ReadInt32LittleEndian(segment[8..]) is var version && version != Version)
        {
            throw new DatabaseCorruptException($"The log has format version {version}; this program reads version {Version}. Open it with the program that wrote it.", path, 8);
        }

        Span<byte> header = stackalloc byte[HeaderBytes];
        segment[..HeaderBytes].CopyTo(header);
        header.Slice(12, 4).Clear();
        if (Crc32C.Compute(header) != BinaryPrimitives.ReadUInt32LittleEndian(segment[12..]))
        {
            throw new DatabaseCorruptException("The checksum of the log segment's header does not match. Restore a backup, or open with RecoveryMode.Salvage to keep what goes before.", path, 0);
        }

        if (new Guid(segment.Slice(16, 16)) != database || BinaryPrimitives.ReadInt64LittleEndian(segment[32..]) != number)
        {
            throw new DatabaseCorruptException($"The log segment belongs to another database or is not number {number}: files were mixed up. Put the right file in its place.", path, 16);
        }

        return BinaryPrimitives.ReadInt64LittleEndian(segment[40..]);
    }

    /// <summary>The bytes of a payload in a segment, sealed in an encrypted database.</summary>
    public static int StoredBytes(int payloadBytes, LogCipher? cipher) => payloadBytes + (cipher is null ? 0 : LogCipher.OverheadBytes);

    /// <summary>Writes a frame into <paramref name="target"/>, which is <see cref="FrameBytes"/> of <see cref="StoredBytes"/> long.</summary>
    public static void WriteFrame(Span<byte> target, uint salt, long sequence, long time, long durableEnd, ReadOnlySpan<byte> payload, LogCipher? cipher = null, int offset = 0)
    {
        var stored = StoredBytes(payload.Length, cipher);
        BinaryPrimitives.WriteInt32LittleEndian(target[4..], stored);
        BinaryPrimitives.WriteInt64LittleEndian(target[8..], sequence);
        BinaryPrimitives.WriteInt64LittleEndian(target[16..], time);
        BinaryPrimitives.WriteInt64LittleEndian(target[24..], durableEnd);
        if (cipher is null)
        {
            payload.CopyTo(target[FrameHeaderBytes..]);
        }
        else
        {
            cipher.Seal(offset, target[4..FrameHeaderBytes], payload, target.Slice(FrameHeaderBytes, stored));
        }

        target[(FrameHeaderBytes + stored)..].Clear();
        BinaryPrimitives.WriteUInt32LittleEndian(target, Crc32C.Compute(target[4..], salt));
    }

    /// <summary>Reads the frame at <paramref name="offset"/> if a whole and sound one with a sequence from <paramref name="least"/> to <paramref name="most"/> stands there.</summary>
    public static bool TryReadFrame(ReadOnlySpan<byte> segment, int offset, uint salt, long least, long most, out LogFrame frame)
    {
        frame = default;
        var bytes = ClaimedBytes(segment, offset, least, most);
        if (bytes == 0)
        {
            return false;
        }

        var header = segment[offset..];
        if (Crc32C.Compute(header[4..bytes], salt) != BinaryPrimitives.ReadUInt32LittleEndian(header))
        {
            return false;
        }

        frame = new LogFrame(
            BinaryPrimitives.ReadInt64LittleEndian(header[8..]), BinaryPrimitives.ReadInt64LittleEndian(header[16..]), BinaryPrimitives.ReadInt64LittleEndian(header[24..]), offset,
            BinaryPrimitives.ReadInt32LittleEndian(header[4..]));
        return true;
    }

    /// <summary>The bytes of the frame that a header at <paramref name="offset"/> claims, which <see cref="TryReadFrame"/> then reads; 0 where there can be none.</summary>
    public static int ClaimedBytes(ReadOnlySpan<byte> segment, int offset, long least, long most)
    {
        var left = segment.Length - offset;
        if (left < FrameHeaderBytes)
        {
            return 0;
        }

        var length = BinaryPrimitives.ReadInt32LittleEndian(segment[(offset + 4)..]);
        var sequence = BinaryPrimitives.ReadInt64LittleEndian(segment[(offset + 8)..]);
        return length >= 0 && length <= left - FrameHeaderBytes && sequence >= least && sequence <= most && FrameBytes(length) is var bytes && bytes <= left ? bytes : 0;
    }
}
