using System.Buffers.Binary;
using System.Security.Cryptography;
using Abi.Database.Storage;

namespace Abi.Database.Encryption;

/// <summary>
/// Writes a <see cref="PageFile"/>. The first page may be written at any time, the rest from beginning to end; the first flush seals the file, which takes nothing more then.
/// Not thread-safe.
/// </summary>
internal sealed class PageFileWriter : IStorageFile
{
    private const int PagesAtOnce = 16;

    private readonly IStorageFile _file;
    private readonly AuthenticatedCipher _cipher;
    private readonly byte[] _salt = RandomNumberGenerator.GetBytes(PageFile.SaltBytes);
    private readonly byte[] _first = new byte[PageLayout.FirstPageBytes];
    private readonly byte[] _page = new byte[PageFile.PageBytes];
    private readonly byte[] _stored = new byte[PagesAtOnce * (PageFile.PageBytes + PageFile.TrailerBytes)]; // sealed pages that are written together
    private int _inStored;
    private long _storedOffset = PageFile.Layout.FileOffset(1); // where they belong in the file
    private int _inFirst;
    private int _inPage;
    private long _number = 1; // of the page that is being filled
    private bool _isSealed;

    /// <param name="file">A new and empty file.</param>
    /// <param name="encryption">The database's.</param>
    /// <param name="name">The file's name.</param>
    public PageFileWriter(IStorageFile file, StorageEncryption encryption, string name)
    {
        _file = file;
        _cipher = PageFile.Cipher(encryption, _salt, name);
    }

    public long Length => _number == 1 && _inPage == 0 ? _inFirst : PageFile.Layout.ContentOffset(_number) + _inPage;

    public int Read(long offset, Span<byte> bytes) => throw new InvalidOperationException("An encrypted file that is being written cannot be read.");

    public void Write(long offset, ReadOnlySpan<byte> bytes)
    {
        if (offset < _first.Length)
        {
            var part = bytes[..(int)Math.Min(bytes.Length, _first.Length - offset)];
            RefuseIf(_isSealed);
            part.CopyTo(_first.AsSpan((int)offset));
            _inFirst = Math.Max(_inFirst, (int)offset + part.Length);
            offset += part.Length;
            bytes = bytes[part.Length..];
        }

        if (bytes.Length > 0)
        {
            RefuseIf(_isSealed || offset != PageFile.Layout.ContentOffset(_number) + _inPage);
            Append(bytes);
        }
    }

    public void Flush()
    {
        if (!_isSealed)
        {
            var length = Length;
            RefuseIf(length > _first.Length && _inFirst < _first.Length);
            _isSealed = true;
            if (_inPage > 0)
            {
                SealPage();
            }

            WriteStored();
            SealFirst(length);
        }

        _file.Flush();
    }

    public void Dispose()
    {
        _cipher.Dispose();
        _file.Dispose();
        CryptographicOperations.ZeroMemory(_page);
        CryptographicOperations.ZeroMemory(_first);
    }

    private static void RefuseIf(bool isOutOfOrder)
    {
        if (isOutOfOrder)
        {
            throw new InvalidOperationException("An encrypted file is written once, from beginning to end but for its first page.");
        }
    }

    private void Append(ReadOnlySpan<byte> bytes)
    {
        while (bytes.Length > 0)
        {
            var part = bytes[..Math.Min(bytes.Length, _page.Length - _inPage)];
            part.CopyTo(_page.AsSpan(_inPage));
            _inPage += part.Length;
            bytes = bytes[part.Length..];
            if (_inPage == _page.Length)
            {
                SealPage();
            }
        }
    }

    private void SealPage()
    {
        // Counted before it is sealed: a page whose writing failed is never sealed again.
        var number = _number++;
        var length = _inPage;
        _inPage = 0;
        Span<byte> buffer = stackalloc byte[sizeof(long) + PageFile.HeaderBytes];
        Seal(number, PageFile.Additional(number, [], buffer), _page.AsSpan(0, length), _stored.AsSpan(_inStored));
        _inStored += length + PageFile.TrailerBytes;
        if (_inStored == _stored.Length)
        {
            WriteStored();
        }
    }

    private void WriteStored()
    {
        var (offset, length) = (_storedOffset, _inStored);
        if (length > 0)
        {
            (_storedOffset, _inStored) = (offset + length, 0);
            _file.Write(offset, _stored.AsSpan(0, length));
        }
    }

    private void SealFirst(long length)
    {
        var header = PageFile.Header(length, _salt);
        header.CopyTo(_stored, 0);
        Span<byte> buffer = stackalloc byte[sizeof(long) + PageFile.HeaderBytes];
        Seal(0, PageFile.Additional(0, header, buffer), _first.AsSpan(0, _inFirst), _stored.AsSpan(PageFile.HeaderBytes));
        _file.Write(0, _stored.AsSpan(0, PageFile.HeaderBytes + _inFirst + PageFile.TrailerBytes));
    }

    private void Seal(long number, ReadOnlySpan<byte> additional, ReadOnlySpan<byte> content, Span<byte> target)
    {
        _cipher.Seal((ulong)number, additional, content, target);
        var end = content.Length + AuthenticatedCipher.TagBytes;
        BinaryPrimitives.WriteUInt32LittleEndian(target[end..], Crc32C.Compute(target[..end]));
    }
}
