using System.Buffers.Binary;
using System.Text;
using Abi.Database.Storage;

namespace Abi.Database.Encryption;

/// <summary>
/// An encrypted file that is written once: the manifest and the segments. Content is cut into pages of 4 KiB, which is what a search reads for a node of a graph on disk. (Files of version 1, which are
/// read as well, have pages of 64 KiB behind a first one of 4 KiB.)
/// <code>
/// [0, 64)  header: "ABIENC01", version i32, crc u32 of the header with this zero, content length i64, salt [32], zeros [8]
/// pages:   ciphertext, tag [16], crc u32 of both
/// </code>
/// The key comes from the data key, the salt and the file's name; the nonce is the page's number. The tag of the first page, which is written last, covers the header. So a page fits in its place of
/// its file only, a file only under its name, and none can be made shorter or longer. The checksums find damage without the key.
/// </summary>
internal static class PageFile
{
    public const int Version = 2;
    public const int HeaderBytes = 64;
    public const int SaltBytes = 32;
    public const int PageBytes = 4096;
    public const int TrailerBytes = AuthenticatedCipher.TagBytes + sizeof(uint);
    public const int SaltOffset = 24;

    private const int FirstVersion = 1;
    private const int FirstVersionPageBytes = 1 << 16;

    public static ReadOnlySpan<byte> Magic => "ABIENC01"u8;

    /// <summary>Where the pages of the files stand that are written now.</summary>
    public static PageLayout Layout => new(PageBytes);

    /// <summary>The cipher of a file. A file that has not got its name yet is known by the one that it will have.</summary>
    public static AuthenticatedCipher Cipher(StorageEncryption encryption, ReadOnlySpan<byte> salt, string name) =>
        encryption.Derive(salt, "abi/page-file/1", Encoding.UTF8.GetBytes(name.EndsWith(".tmp", StringComparison.Ordinal) ? name[..^4] : name));

    /// <summary>What the tag of a page covers besides its content.</summary>
    /// <param name="page">The page.</param>
    /// <param name="header">The file's header.</param>
    /// <param name="buffer">Room for it: 72 bytes.</param>
    public static ReadOnlySpan<byte> Additional(long page, ReadOnlySpan<byte> header, Span<byte> buffer)
    {
        BinaryPrimitives.WriteInt64LittleEndian(buffer, page);
        if (page > 0)
        {
            return buffer[..sizeof(long)];
        }

        header.CopyTo(buffer[sizeof(long)..]);
        return buffer[..(sizeof(long) + HeaderBytes)];
    }

    public static byte[] Header(long contentLength, ReadOnlySpan<byte> salt)
    {
        var header = new byte[HeaderBytes];
        Magic.CopyTo(header);
        BinaryPrimitives.WriteInt32LittleEndian(header.AsSpan(8), Version);
        BinaryPrimitives.WriteInt64LittleEndian(header.AsSpan(16), contentLength);
        salt.CopyTo(header.AsSpan(SaltOffset));
        BinaryPrimitives.WriteUInt32LittleEndian(header.AsSpan(12), Crc32C.Compute(header));
        return header;
    }

    /// <summary>Reads the header and checks what can be checked without the key.</summary>
    /// <returns>The header, the length of the content, and where its pages stand.</returns>
    /// <exception cref="DatabaseCorruptException">It is damaged, or the file has another length.</exception>
    public static (byte[] Header, long ContentLength, PageLayout Layout) ReadHeader(IStorageFile file, string path)
    {
        var header = new byte[HeaderBytes];
        if (file.Read(0, header) != HeaderBytes || !header.AsSpan(0, 8).SequenceEqual(Magic))
        {
            throw new DatabaseCorruptException("This is not an encrypted file, as all of this database are: its first bytes are not ABIENC01. Files were mixed up, or it is damaged; restore a backup.", path, 0);
        }

        var version = BinaryPrimitives.ReadInt32LittleEndian(header.AsSpan(8));
        if (version is not (FirstVersion or Version))
        {
            throw new DatabaseCorruptException($"The encrypted file has format version {version}; this program reads versions {FirstVersion} and {Version}. Open it with a newer program.", path, 8);
        }

        var layout = version == FirstVersion ? new PageLayout(FirstVersionPageBytes) : Layout;
        var checksum = BinaryPrimitives.ReadUInt32LittleEndian(header.AsSpan(12));
        var length = BinaryPrimitives.ReadInt64LittleEndian(header.AsSpan(16));
        header.AsSpan(12, 4).Clear();
        if (Crc32C.Compute(header) != checksum)
        {
            throw new DatabaseCorruptException("The checksum of the header does not match. Restore a backup.", path, 12);
        }

        if (length < 0 || length > file.Length || layout.FileBytes(length) != file.Length)
        {
            throw new DatabaseCorruptException($"The file has {file.Length} bytes, which is not what its {length} bytes of content take. Restore a backup.", path, 16);
        }

        BinaryPrimitives.WriteUInt32LittleEndian(header.AsSpan(12), checksum);
        return (header, length, layout);
    }

    /// <summary>Reads a page as it stands in the file and checks its checksum.</summary>
    /// <returns>The ciphertext and the tag, in the buffer.</returns>
    /// <exception cref="DatabaseCorruptException">It is damaged.</exception>
    public static Span<byte> ReadPage(IStorageFile file, long page, long contentLength, PageLayout layout, Span<byte> buffer, string path)
    {
        var stored = buffer[..(layout.ContentBytes(page, contentLength) + TrailerBytes)];
        return CheckPage(stored[..file.Read(layout.FileOffset(page), stored)], page, contentLength, layout, path);
    }

    /// <summary>Checks the checksum of a page.</summary>
    /// <param name="stored">The page as it stands in the file; cut off where the file ends.</param>
    /// <param name="page">Its number.</param>
    /// <param name="contentLength">The length of the file's content.</param>
    /// <param name="layout">Where the pages stand.</param>
    /// <param name="path">The file, for messages.</param>
    /// <returns>The ciphertext and the tag.</returns>
    /// <exception cref="DatabaseCorruptException">It is damaged.</exception>
    public static Span<byte> CheckPage(Span<byte> stored, long page, long contentLength, PageLayout layout, string path) =>
        stored.Length == layout.ContentBytes(page, contentLength) + TrailerBytes && Crc32C.Compute(stored[..^4]) == BinaryPrimitives.ReadUInt32LittleEndian(stored[^4..])
            ? stored[..^4]
            : throw new DatabaseCorruptException($"Page {page} is damaged: its checksum does not match. Restore a backup.", path, layout.FileOffset(page));
}
