using System.Buffers.Binary;

namespace Abi.Database.Storage;

/// <summary>A kind of small file that is replaced whole: [ magic [8], version i32, crc u32 of all that follows, content ].</summary>
/// <param name="magic">The first eight bytes, in ASCII.</param>
/// <param name="version">The version that this program writes and reads.</param>
/// <param name="what">What it is, for messages: "the manifest".</param>
/// <param name="remedy">What to do when it is damaged.</param>
internal sealed class SmallFile(string magic, int version, string what, string remedy)
{
    public const int HeaderBytes = 16;
    private const int VersionOffset = 8;
    private const int ChecksumOffset = 12;

    private readonly byte[] _magic = System.Text.Encoding.ASCII.GetBytes(magic);

    /// <summary>Begins a file; its content is written behind, and then <see cref="Seal"/> called.</summary>
    public ByteWriter Begin(int contentBytes = 240)
    {
        var writer = new ByteWriter(HeaderBytes + contentBytes);
        writer.Bytes(_magic);
        writer.Int32(version);
        writer.Int32(0);
        return writer;
    }

    /// <summary>Puts the checksum in its place.</summary>
    /// <returns>The whole file.</returns>
    public static ReadOnlySpan<byte> Seal(ByteWriter writer)
    {
        writer.SetInt32(ChecksumOffset, (int)Crc32C.Compute(writer.Span[HeaderBytes..]));
        return writer.Span;
    }

    /// <summary>Reads a whole file, header included, and checks it.</summary>
    /// <param name="file">The file.</param>
    /// <param name="most">How many bytes it may have; no more are read.</param>
    /// <param name="path">Its path, for messages.</param>
    /// <exception cref="DatabaseCorruptException">It is another file, of another version, longer, or damaged.</exception>
    public byte[] Read(IStorageFile file, int most, string path)
    {
        var bytes = new byte[(int)Math.Min(file.Length, most)];
        if (file.Read(0, bytes) != bytes.Length || file.Length > most || bytes.Length < HeaderBytes || !bytes.AsSpan(0, _magic.Length).SequenceEqual(_magic))
        {
            throw new DatabaseCorruptException($"This is not {what}: {HeaderBytes} to {most} bytes that begin with {magic} were expected, but there are {file.Length}. {remedy}", path, 0);
        }

        if (BinaryPrimitives.ReadInt32LittleEndian(bytes.AsSpan(VersionOffset)) is var found && found != version)
        {
            throw new DatabaseCorruptException($"The format version of {what} is {found}; this program reads version {version}. Open it with a newer program.", path, VersionOffset);
        }

        return Crc32C.Compute(bytes.AsSpan(HeaderBytes)) == BinaryPrimitives.ReadUInt32LittleEndian(bytes.AsSpan(ChecksumOffset))
            ? bytes
            : throw new DatabaseCorruptException($"The checksum of {what} does not match: it is damaged. {remedy}", path, ChecksumOffset);
    }
}
