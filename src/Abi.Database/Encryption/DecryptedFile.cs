using Abi.Database.Storage;

namespace Abi.Database.Encryption;

/// <summary>The content of an encrypted file that is too large to be in memory whole: pages are read, authenticated and decrypted when they are needed, and kept while the budget has room for them.</summary>
/// <remarks>Thread-safe. It stays readable when the file has lost its name, and ends with the database's keys.</remarks>
internal sealed class DecryptedFile : IDisposable
{
    private readonly Lock[] _gates = [.. Enumerable.Range(0, 16).Select(_ => new Lock())]; // of pages, by number: a page is decrypted once when several threads want it
    private readonly IStorageFile _content;
    private readonly DecryptedPages _pages;
    private readonly PageFrame?[] _frames; // by page; null when it is not in memory

    /// <exception cref="DatabaseCorruptException">The file is damaged, or not of this database or name.</exception>
    public DecryptedFile(IStorage storage, string name)
    {
        var encryption = storage.Encryption!;
        _content = storage.OpenContent(name);
        _pages = encryption.Memory.Pages;
        _frames = new PageFrame?[PageFile.Pages(_content.Length)];
        encryption.EndWithKeys(this);
    }

    /// <summary>The bytes of its pages that are in memory.</summary>
    public long CachedBytes => _frames.Count(frame => frame is not null) * (long)PageFile.PageBytes;

    /// <summary>Copies a part of the content.</summary>
    /// <exception cref="DatabaseCorruptException">A page was damaged or changed since the file was checked.</exception>
    /// <exception cref="ObjectDisposedException">The database was closed.</exception>
    public void Read(long offset, Span<byte> target)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(offset);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(offset, _content.Length - target.Length);
        while (target.Length > 0)
        {
            var page = (int)PageFile.PageOf(offset);
            var from = (int)(offset - PageFile.ContentOffset(page));
            var part = target[..Math.Min(target.Length, PageFile.ContentBytes(page, _content.Length) - from)];
            if (Volatile.Read(ref _frames[page]) is not { } frame || !frame.TryRead(_frames, page, from, part))
            {
                Fetch(page, from, part);
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
            if (Volatile.Read(ref _frames[page]) is { } known && known.TryRead(_frames, page, from, target))
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
                var content = frame.Bytes(PageFile.ContentBytes(page, _content.Length));
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

    private void ReadContent(int page, int from, Span<byte> target)
    {
        if (_content.Read(PageFile.ContentOffset(page) + from, target) != target.Length)
        {
            throw new EndOfStreamException($"Page {page} ended before its {target.Length} bytes were read.");
        }
    }
}
