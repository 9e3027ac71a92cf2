using System.Buffers;
using System.Security.Cryptography;
using Abi.Database.Storage;

namespace Abi.Database.Encryption;

/// <summary>The content of an encrypted file that is too large to be in memory whole: parts of 4 KiB are read, authenticated and decrypted when they are needed, and kept while the budget has room for them.</summary>
/// <remarks>Thread-safe. It stays readable when the file has lost its name, and ends with the database's keys.</remarks>
internal sealed class DecryptedFile : IDisposable
{
    private readonly Lock[] _gates = [.. Enumerable.Range(0, 16).Select(_ => new Lock())]; // of pages, by number: a page is decrypted once when several threads want it
    private readonly PageFileReader _content;
    private readonly DecryptedPages _pages;
    private readonly PageTable _frames;

    /// <exception cref="DatabaseCorruptException">The file is damaged, or not of this database or name.</exception>
    public DecryptedFile(IStorage storage, string name)
    {
        var encryption = storage.Encryption!;
        _content = (PageFileReader)storage.OpenContent(name);
        _pages = encryption.Memory.Pages;
        _frames = new PageTable((_content.Length + PageFrame.Bytes - 1) / PageFrame.Bytes);
        encryption.EndWithKeys(this);
    }

    /// <summary>The bytes of its pages that are in memory.</summary>
    public long CachedBytes => _frames.Count * (long)PageFrame.Bytes;

    /// <summary>Copies a part of the content.</summary>
    /// <exception cref="DatabaseCorruptException">A page was damaged or changed since the file was checked.</exception>
    /// <exception cref="ObjectDisposedException">The database was closed.</exception>
    public void Read(long offset, Span<byte> target)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(offset);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(offset, _content.Length - target.Length);
        while (target.Length > 0)
        {
            var (page, from) = ((int)(offset / PageFrame.Bytes), (int)(offset % PageFrame.Bytes));
            var part = target[..Math.Min(target.Length, LengthOf(page) - from)];
            if (_frames[page] is not { } frame || !frame.TryRead(_frames, page, from, part))
            {
                if (_content.Layout.PageBytes > PageFrame.Bytes)
                {
                    part = FetchAround(offset, target);
                }
                else if ((from == 0 ? MissingFrom(page, target.Length) : 0) is > 1 and var whole)
                {
                    part = target[..(int)Math.Min(target.Length, (long)whole * PageFrame.Bytes)];
                    FetchWhole(page, part);
                }
                else
                {
                    Fetch(page, from, part);
                }
            }

            offset += part.Length;
            target = target[part.Length..];
        }
    }

    /// <summary>Ends reading. One that is collected without it leaves its handle and its key to their own finalizers.</summary>
    public void Dispose() => _content.Dispose();

    private void Fetch(int page, int from, Span<byte> target)
    {
        lock (_gates[page % _gates.Length])
        {
            if (_frames[page] is { } known && known.TryRead(_frames, page, from, target))
            {
                return;
            }

            if (_pages.TryTake() is not { } frame)
            {
                ReadContent(page, from, target);
                return;
            }

            try
            {
                var content = frame.Content(LengthOf(page));
                ReadContent(page, 0, content);
                content.Slice(from, target.Length).CopyTo(target);
            }
            catch
            {
                frame.Release();
                throw;
            }

            frame.Release(_frames, page);
        }
    }

    // Pages one after another, which together are read and decrypted in less time.
    private void FetchWhole(int page, Span<byte> target)
    {
        ReadContent(page, 0, target);
        Keep(page, target);
    }

    // The file's page that a byte is in, of a file whose pages are larger than frames and are decrypted whole: all of it is kept. Gives the part of the target that is read by it.
    private Span<byte> FetchAround(long offset, Span<byte> target)
    {
        var layout = _content.Layout;
        var number = layout.PageOf(offset);
        var (begin, length) = (layout.ContentOffset(number), layout.ContentBytes(number, _content.Length));
        var buffer = ArrayPool<byte>.Shared.Rent(length);
        var content = buffer.AsSpan(0, length);
        try
        {
            var page = (int)(begin / PageFrame.Bytes); // it begins with a frame
            ReadContent(page, 0, content);
            Keep(page, content);
            var from = (int)(offset - begin);
            target = target[..Math.Min(target.Length, length - from)];
            content.Slice(from, target.Length).CopyTo(target);
            return target;
        }
        finally
        {
            CryptographicOperations.ZeroMemory(content); // others get this buffer
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    // Puts pages one after another that are not in memory there, while there is room.
    private void Keep(int page, ReadOnlySpan<byte> content)
    {
        for (; content.Length > 0; content = content[LengthOf(page++)..])
        {
            lock (_gates[page % _gates.Length])
            {
                if (_frames[page] is null && _pages.TryTake() is { } frame)
                {
                    content[..LengthOf(page)].CopyTo(frame.Content(LengthOf(page)));
                    frame.Release(_frames, page);
                }
            }
        }
    }

    // How many pages from one on are not in memory, of those that fit whole into so many bytes.
    private int MissingFrom(int page, int bytes)
    {
        var count = 0;
        for (; page < _frames.Length && bytes >= LengthOf(page) && _frames[page] is null; page++)
        {
            bytes -= LengthOf(page);
            count++;
        }

        return count;
    }

    private int LengthOf(int page) => (int)Math.Min(PageFrame.Bytes, _content.Length - ((long)page * PageFrame.Bytes));

    private void ReadContent(int page, int from, Span<byte> target)
    {
        if (_content.Read(((long)page * PageFrame.Bytes) + from, target) != target.Length)
        {
            throw new EndOfStreamException($"The file ended before {target.Length} bytes at {((long)page * PageFrame.Bytes) + from} were read.");
        }
    }
}
