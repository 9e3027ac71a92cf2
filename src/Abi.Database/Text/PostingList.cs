namespace Abi.Database.Text;

/// <summary>Where a word occurs. One writer; readers take <see cref="View"/>, which never changes.</summary>
internal sealed class PostingList
{
    private Posting[] _items = new Posting[2];
    private int _count;

    /// <summary>Records that are not deleted and have the word.</summary>
    public int Live { get; private set; }

    /// <summary>All occurrences, outdated ones included.</summary>
    public ReadOnlySpan<Posting> View
    {
        get
        {
            var count = Volatile.Read(ref _count);
            return Volatile.Read(ref _items).AsSpan(0, count);
        }
    }

    public void Add(Posting posting)
    {
        if (_count == _items.Length)
        {
            var grown = new Posting[_count * 2];
            _items.CopyTo(grown, 0);
            Volatile.Write(ref _items, grown);
        }

        _items[_count] = posting;
        Volatile.Write(ref _count, _count + 1);
        Live++;
    }

    /// <summary>Counts a deletion.</summary>
    public void Forget() => Live--;

    /// <summary>Whether more than half of the list is outdated.</summary>
    public bool IsStale => _count > 16 && Live * 2 < _count;

    /// <summary>The list without what is outdated, as a new one: readers keep theirs.</summary>
    public PostingList Compact(Func<Posting, bool> isKept)
    {
        var kept = new PostingList();
        foreach (var posting in View)
        {
            if (isKept(posting))
            {
                kept.Add(posting);
            }
        }

        kept.Live = Live;
        return kept;
    }
}
