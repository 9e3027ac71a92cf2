namespace Abi.Database.Encryption;

/// <summary>Which pages of a file are in memory, and in which frames.</summary>
/// <remarks>Thread-safe.</remarks>
internal sealed class PageTable(long pages)
{
    private readonly PageFrame?[] _frames = new PageFrame?[pages]; // null when it is not in memory
    private int _count;

    public int Length => _frames.Length;

    /// <summary>How many pages are in memory.</summary>
    public int Count => Volatile.Read(ref _count);

    public PageFrame? this[int page] => Volatile.Read(ref _frames[page]);

    public void Set(int page, PageFrame frame)
    {
        if (Interlocked.Exchange(ref _frames[page], frame) is null)
        {
            Interlocked.Increment(ref _count);
        }
    }

    /// <summary>Takes a frame away, unless another has its place by now.</summary>
    public void Remove(int page, PageFrame frame)
    {
        if (Interlocked.CompareExchange(ref _frames[page], null, frame) == frame)
        {
            Interlocked.Decrement(ref _count);
        }
    }
}
