using System.Buffers;
using Abi.Database.Storage;

namespace Abi.Database.Encryption;

/// <summary>Reads the content of a <see cref="PageFile"/>. No byte is given out before its page was authenticated.</summary>
/// <remarks>Reading is thread-safe.</remarks>
internal sealed class PageFileReader : IStorageFile
{
    private const int BufferBytes = PageFile.PageBytes + PageFile.TrailerBytes;

    private readonly IStorageFile _file;
    private readonly string _path;
    private readonly byte[] _header;
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
        (_header, Length) = PageFile.ReadHeader(file, path);
        _cipher = PageFile.Cipher(encryption, _header.AsSpan(PageFile.SaltOffset, PageFile.SaltBytes), name);
        try
        {
            // The first page covers the header.
            var buffer = new byte[BufferBytes];
            OpenPage(0, buffer, buffer.AsSpan(0, PageFile.ContentBytes(0, Length)));
        }
        catch
        {
            _cipher.Dispose();
            throw;
        }
    }

    public long Length { get; }

    public int Read(long offset, Span<byte> bytes)
    {
        var buffer = ArrayPool<byte>.Shared.Rent(BufferBytes);
        try
        {
            var end = Math.Min(offset + bytes.Length, Length);
            var at = offset;
            while (at < end)
            {
                var page = PageFile.PageOf(at);
                var (from, length) = ((int)(at - PageFile.ContentOffset(page)), PageFile.ContentBytes(page, Length));
                var part = (int)Math.Min(length - from, end - at);
                var target = bytes.Slice((int)(at - offset), part);
                if (part == length)
                {
                    OpenPage(page, buffer, target);
                }
                else
                {
                    var content = buffer.AsSpan(0, length); // where the ciphertext stands
                    OpenPage(page, buffer, content);
                    content.Slice(from, part).CopyTo(target);
                }

                at += part;
            }

            return (int)Math.Max(0, at - offset);
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer, clearArray: true);
        }
    }

    public void Write(long offset, ReadOnlySpan<byte> bytes) => throw new InvalidOperationException("The file was opened for reading.");

    public void Flush() => throw new InvalidOperationException("The file was opened for reading.");

    public void Dispose()
    {
        _cipher.Dispose();
        _file.Dispose();
    }

    private void OpenPage(long page, Span<byte> buffer, Span<byte> content)
    {
        var stored = PageFile.ReadPage(_file, page, Length, buffer, _path);
        Span<byte> additional = stackalloc byte[sizeof(long) + PageFile.HeaderBytes];
        if (!_cipher.TryOpen((ulong)page, PageFile.Additional(page, _header, additional), stored, content))
        {
            throw new DatabaseCorruptException($"Page {page} cannot be authenticated: it is not what this database wrote there. It was changed, or taken from another place, file or database. Restore a backup.", _path, PageFile.FileOffset(page));
        }
    }
}
