using System.Runtime.InteropServices;

namespace Abi.Database.Encryption;

/// <summary>Memory for one decrypted page of a file. Readers copy from it, and it is filled or emptied only while none does.</summary>
/// <remarks>Thread-safe.</remarks>
/// <param name="owner">Frees it when nothing refers to it any more: finalizers of frames, of which there may be millions, would keep the garbage collector busy.</param>
internal sealed unsafe class PageFrame(DecryptedPages owner)
{
    /// <summary>The bytes of a page of content: what holds a node of a graph on disk, or several.</summary>
    public const int Bytes = 4096;

    private const int Held = -1; // instead of readers: one thread fills it or frees it

    private void* _bytes = NativeMemory.AlignedAlloc(Bytes, 64); // [Bytes]
    private PageTable? _home; // the file's, in which it stands at _page; null when it holds nothing
    private int _page;
    private int _readers = Held;
    private int _wasRead;

    /// <summary>The first bytes, for whoever holds it.</summary>
    public Span<byte> Content(int count) => new(_bytes, count);

    /// <summary>Gives its memory back. By whoever holds it, who keeps hold of it.</summary>
    public void Free()
    {
        NativeMemory.AlignedFree(_bytes);
        _bytes = null;
    }

    /// <summary>Whether it was read since this was last asked.</summary>
    public bool TakeWasRead() => Interlocked.Exchange(ref _wasRead, 0) != 0;

    /// <summary>Lets go of it: empty.</summary>
    public void Release() => Volatile.Write(ref _readers, 0);

    /// <summary>Lets go of it: it holds a page now, and stands in the table of the page's file.</summary>
    public void Release(PageTable home, int page)
    {
        (_home, _page, _wasRead) = (home, page, 1);
        home.Set(page, this);
        Release();
    }

    /// <summary>Takes hold of it and empties it.</summary>
    /// <returns>False when somebody reads it or holds it.</returns>
    public bool TryHold()
    {
        if (Interlocked.CompareExchange(ref _readers, Held, 0) != 0)
        {
            return false;
        }

        if (_home is { } home)
        {
            home.Remove(_page, this);
            _home = null;
        }

        return true;
    }

    /// <summary>Copies a part of a page.</summary>
    /// <returns>False when it does not hold that page any more.</returns>
    public bool TryRead(PageTable home, int page, int from, Span<byte> target)
    {
        int readers;
        do
        {
            readers = Volatile.Read(ref _readers);
            if (readers == Held)
            {
                return false;
            }
        }
        while (Interlocked.CompareExchange(ref _readers, readers + 1, readers) != readers);
        var isThere = _home == home && _page == page;
        if (isThere)
        {
            new ReadOnlySpan<byte>((byte*)_bytes + from, target.Length).CopyTo(target);
            if (_wasRead == 0)
            {
                _wasRead = 1;
            }
        }

        Interlocked.Decrement(ref _readers);
        GC.KeepAlive(owner);
        return isThere;
    }
}
