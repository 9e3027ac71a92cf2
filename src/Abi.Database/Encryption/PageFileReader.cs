using System.Buffers;
using System.Security.Cryptography;
using Abi.Database.Storage;

namespace Abi.Database.Encryption;

/// <summary>Reads the content of a <see cref="PageFile"/>. No byte is given out before its page was authenticated.</summary>
/// <remarks>Reading is thread-safe.</remarks>
internal sealed class PageFileReader : IStorageFile
{
    private const int BytesAtOnce = 1 << 16;

    private readonly IStorageFile _file;
    private readonly string _path;
    private readonly byte[] _header;
    private readonly PageLayout _layout;
    private readonly AuthenticatedCipher _cipher;

    /// <param name="file">The file; disposed of with this, but not when this throws.</param>
    /// <param name="encryption">The database's.</param>
    /// <param name="name">The file's name.</param>
    /// <param name="path">Its path, for messages.</param>
    /// <exception cref="DatabaseCorruptException">The file is damaged, or not of this database or name.</exception>
    public PageFileReader(IStorageFile file, StorageEncryption encryption, string name, string path)
    {
        _file = file;
        _path = path;
        (_header, Length, _layout) = PageFile.ReadHeader(file, path);
        _cipher = PageFile.Cipher(encryption, _header.AsSpan(PageFile.SaltOffset, PageFile.SaltBytes), name);
        try
        {
            // The first page covers the header.
            ReadPages(0, 0, 0, new byte[_layout.ContentBytes(0, Length)]);
        }
        catch
        {
            _cipher.Dispose();
            throw;
        }
    }

    public long Length { get; }

    /// <summary>Where its pages stand.</summary>
    public PageLayout Layout => _layout;

    public int Read(long offset, Span<byte> bytes)
    {
        var end = Math.Min(offset + bytes.Length, Length);
        if (end <= offset)
        {
            return 0;
        }

        bytes = bytes[..(int)(end - offset)];
        ReadPages(_layout.PageOf(offset), _layout.PageOf(end - 1), offset, bytes);
        return bytes.Length;
    }

    public void Write(long offset, ReadOnlySpan<byte> bytes) => throw new InvalidOperationException("The file was opened for reading.");

    public void Flush() => throw new InvalidOperationException("The file was opened for reading.");

    public void Dispose()
    {
        _cipher.Dispose();
        _file.Dispose();
    }

    // From the first page to the last; what of them lies in the content from the offset on is wanted.
    private void ReadPages(long first, long last, long offset, Span<byte> bytes)
    {
        var most = Math.Min(last - first + 1, Math.Max(1, BytesAtOnce / _layout.PageBytes));
        var buffer = ArrayPool<byte>.Shared.Rent((int)most * _layout.LargestPage);
        try
        {
            for (var page = first; page <= last;)
            {
                var next = Math.Min(page + most, last + 1);
                var (from, to) = (_layout.FileOffset(page), Math.Min(_layout.FileOffset(next), _layout.FileBytes(Length)));
                var stored = buffer.AsSpan(0, (int)(to - from));
                stored = stored[.._file.Read(from, stored)];
                for (; page < next; page++)
                {
                    var one = stored[..Math.Min(stored.Length, _layout.ContentBytes(page, Length) + PageFile.TrailerBytes)];
                    stored = stored[one.Length..];
                    OpenPage(page, PageFile.CheckPage(one, page, Length, _layout, _path), _layout.ContentOffset(page) - offset, bytes);
                }
            }
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    // Puts the part of a page that is wanted into its place; the page's content begins at a place in the bytes, perhaps before them.
    private void OpenPage(long page, Span<byte> stored, long place, Span<byte> bytes)
    {
        var length = stored.Length - AuthenticatedCipher.TagBytes;
        var (from, to) = ((int)Math.Max(place, 0), (int)Math.Min(place + length, bytes.Length));
        if (to - from == length)
        {
            OpenPage(page, stored, bytes[from..to]);
            return;
        }

        var content = stored[..length]; // where the ciphertext stands
        OpenPage(page, stored, content);
        content[(int)(from - place)..(int)(to - place)].CopyTo(bytes[from..]);
        CryptographicOperations.ZeroMemory(content); // others get this buffer
    }

    private void OpenPage(long page, ReadOnlySpan<byte> stored, Span<byte> content)
    {
        Span<byte> additional = stackalloc byte[sizeof(long) + PageFile.HeaderBytes];
        if (!_cipher.TryOpen((ulong)page, PageFile.Additional(page, _header, additional), stored, content))
        {
            throw new DatabaseCorruptException($"Page {page} cannot be authenticated: it is not what this database wrote there. It was changed, or taken from another place, file or database. Restore a backup.", _path, _layout.FileOffset(page));
        }
    }
}
