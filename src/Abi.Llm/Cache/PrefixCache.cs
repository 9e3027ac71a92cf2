using Abi.Compute.Devices;

namespace Abi.Llm.Cache;

/// <summary>
/// Finds pages by what they hold: a full page whose tokens, and all tokens before them, begin another sequence too is shared instead of computed again. Pages form a tree, each
/// under the page before it; the cache holds every page it knows, and gives back the least recently used leaf when memory is needed.
/// </summary>
/// <remarks>
/// For the engine's thread. A page is found by hash and compared token by token, so a collision costs a computation, never a wrong result. Everything is sized once, by the
/// number of pages: adding and finding allocate nothing.
/// </remarks>
internal sealed class PrefixCache
{
    /// <summary>Stands for "before the first page".</summary>
    public const int Root = -1;

    private const int PageLength = StateStore.PageLength;
    private readonly StatePool _pool;
    private readonly int[] _tokens;    // [pages, PageLength]
    private readonly int[] _parents;   // [pages], a page or Root
    private readonly int[] _children;  // [pages], how many known pages lie under it
    private readonly int[] _versions;  // [pages], counts how often the page was forgotten
    private readonly bool[] _isKnown;  // [pages]
    private readonly int[] _newer;     // [pages], the list in the order of use
    private readonly int[] _older;     // [pages]
    private readonly int[] _buckets;   // [power of two], page + 1; 0 is free
    private int _newest = -1;
    private int _oldest = -1;

    public PrefixCache(StatePool pool)
    {
        _pool = pool;
        var pages = pool.Pages.Count;
        _tokens = new int[pages * PageLength];
        _parents = new int[pages];
        _children = new int[pages];
        _versions = new int[pages];
        _isKnown = new bool[pages];
        _newer = new int[pages];
        _older = new int[pages];
        _buckets = new int[System.Numerics.BitOperations.RoundUpToPowerOf2((uint)Math.Max(2 * pages, 2))];
    }

    /// <summary>The pages it knows.</summary>
    public int Count { get; private set; }

    /// <summary>The pages that nobody else holds.</summary>
    public int CountUnshared()
    {
        var count = 0;
        for (var page = _oldest; page >= 0; page = _newer[page])
        {
            count += _pool.Pages.IsShared(page) ? 0 : 1;
        }

        return count;
    }

    /// <summary>Changes when the page is forgotten, so that who remembers it can tell.</summary>
    public int Version(int page) => page == Root ? 0 : _versions[page];

    /// <summary>The page before this one.</summary>
    public int Parent(int page) => _parents[page];

    /// <summary>The page under <paramref name="parent"/> that holds these tokens, or <see cref="Root"/> when none is known.</summary>
    public int Find(int parent, ReadOnlySpan<int> tokens)
    {
        for (var bucket = Bucket(parent, tokens); _buckets[bucket] != 0; bucket = (bucket + 1) & (_buckets.Length - 1))
        {
            var page = _buckets[bucket] - 1;
            if (_parents[page] == parent && tokens.SequenceEqual(TokensOf(page)))
            {
                Touch(page);
                return page;
            }
        }

        return Root;
    }

    /// <summary>Takes a full page that is not known yet, and holds it.</summary>
    public void Add(int parent, ReadOnlySpan<int> tokens, int page)
    {
        tokens.CopyTo(_tokens.AsSpan(page * PageLength, PageLength));
        _parents[page] = parent;
        _isKnown[page] = true;
        if (parent != Root)
        {
            _children[parent]++;
        }

        Insert(page);
        _pool.Pages.Retain(page);
        LinkNewest(page);
        Count++;
    }

    /// <summary>Whether the page is one of its own.</summary>
    public bool Knows(int page) => _isKnown[page];

    /// <summary>Frees the least recently used page that nobody else holds and under which no other lies. False when there is none.</summary>
    public bool TryEvict()
    {
        for (var page = _oldest; page >= 0; page = _newer[page])
        {
            if (_children[page] == 0 && !_pool.Pages.IsShared(page))
            {
                Forget(page);
                return true;
            }
        }

        return false;
    }

    /// <summary>Forgets everything; pages that sequences hold stay theirs.</summary>
    public void Clear()
    {
        while (_oldest >= 0)
        {
            var page = _oldest;
            Unlink(page);
            _children[page] = 0;
            _isKnown[page] = false;
            _versions[page]++;
            _pool.Pages.Release(page);
        }

        Array.Clear(_buckets);
        Count = 0;
    }

    private void Forget(int page)
    {
        Remove(page);
        Unlink(page);
        if (_parents[page] != Root)
        {
            _children[_parents[page]]--;
        }

        _isKnown[page] = false;
        _versions[page]++;
        Count--;
        _pool.Pages.Release(page);
    }

    private ReadOnlySpan<int> TokensOf(int page) => _tokens.AsSpan(page * PageLength, PageLength);

    private int Bucket(int parent, ReadOnlySpan<int> tokens)
    {
        // a parent's number stands for all that lies before: it is known only while its content is what it was
        var hash = (ulong)(uint)parent * 0x9E3779B97F4A7C15;
        foreach (var token in tokens)
        {
            hash = (hash ^ (uint)token) * 0xBF58476D1CE4E5B9;
            hash ^= hash >> 29;
        }

        return (int)(hash >> 20) & (_buckets.Length - 1);
    }

    private void Insert(int page)
    {
        var bucket = Bucket(_parents[page], TokensOf(page));
        while (_buckets[bucket] != 0)
        {
            bucket = (bucket + 1) & (_buckets.Length - 1);
        }

        _buckets[bucket] = page + 1;
    }

    /// <summary>Takes a page out of the table and closes the gap that linear probing would stop at.</summary>
    private void Remove(int page)
    {
        var mask = _buckets.Length - 1;
        var hole = Bucket(_parents[page], TokensOf(page));
        while (_buckets[hole] != page + 1)
        {
            hole = (hole + 1) & mask;
        }

        for (var next = (hole + 1) & mask; _buckets[next] != 0; next = (next + 1) & mask)
        {
            var other = _buckets[next] - 1;
            var home = Bucket(_parents[other], TokensOf(other));
            if (((next - home) & mask) >= ((next - hole) & mask))
            {
                _buckets[hole] = _buckets[next];
                hole = next;
            }
        }

        _buckets[hole] = 0;
    }

    private void Touch(int page)
    {
        if (_newest != page)
        {
            Unlink(page);
            LinkNewest(page);
        }
    }

    private void LinkNewest(int page)
    {
        _older[page] = _newest;
        _newer[page] = -1;
        if (_newest >= 0)
        {
            _newer[_newest] = page;
        }
        else
        {
            _oldest = page;
        }

        _newest = page;
    }

    private void Unlink(int page)
    {
        var (newer, older) = (_newer[page], _older[page]);
        if (newer >= 0)
        {
            _older[newer] = older;
        }
        else
        {
            _newest = older;
        }

        if (older >= 0)
        {
            _newer[older] = newer;
        }
        else
        {
            _oldest = newer;
        }
    }
}
