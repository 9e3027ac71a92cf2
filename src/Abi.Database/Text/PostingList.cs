namespace Abi.Database.Text;

/// <summary>Where a word occurs. One writer; readers take <see cref="View"/>, which never changes.</summary>
internal sealed class PostingList
{
    private Posting[] _items = new Posting[2];
    private byte[] _positions = new byte[4]; // of each posting: word numbers as differences, seven bits a byte, the lowest first
    private int _count;
    private int _length;
    private int _gone; // postings of records that nobody can see any more

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

    /// <summary>Whether the list has nothing that anybody can see.</summary>
    public bool IsGone => _gone == _count;

    /// <summary>Whether more than half of the list can be dropped.</summary>
    public bool IsStale => _count > 16 && _gone > _count / 2;

    /// <summary>Adds a record.</summary>
    /// <param name="slot">Its slot.</param>
    /// <param name="stamp">Its stamp.</param>
    /// <param name="positions">The numbers of the words in its text, ascending.</param>
    public void Add(int slot, uint stamp, ReadOnlySpan<int> positions)
    {
        var start = _length;
        var before = 0;
        foreach (var position in positions)
        {
            var difference = (uint)(position - before);
            before = position;
            while (difference >= 0x80)
            {
                AddByte((byte)(difference | 0x80));
                difference >>= 7;
            }

            AddByte((byte)difference);
        }

        Add(new Posting(slot, stamp, positions.Length, start));
    }

    /// <summary>Counts a deletion.</summary>
    public void Forget() => Live--;

    /// <summary>Counts a deleted record that nobody can see any more.</summary>
    public void Drop() => _gone++;

    /// <summary>The numbers of the words of a posting of this list, ascending.</summary>
    public int[] Positions(Posting posting)
    {
        // Bytes of a posting that a reader sees were there before it, and what takes the array's place holds them too.
        var bytes = Volatile.Read(ref _positions);
        var positions = new int[posting.Frequency];
        var (at, last) = (posting.Positions, 0);
        for (var i = 0; i < positions.Length; i++)
        {
            for (var shift = 0; ; shift += 7)
            {
                var part = bytes[at++];
                last += (part & 0x7F) << shift;
                if (part < 0x80)
                {
                    break;
                }
            }

            positions[i] = last;
        }

        return positions;
    }

    /// <summary>The list without what is outdated, as a new one: readers keep theirs.</summary>
    public PostingList Compact(Func<Posting, bool> isKept)
    {
        var kept = new PostingList();
        foreach (var posting in View)
        {
            if (isKept(posting))
            {
                kept.Add(posting.Slot, posting.Stamp, Positions(posting));
            }
        }

        kept.Live = Live;
        return kept;
    }

    /// <summary>The list with other slots, ascending, and stamps of 0, as a new one: readers keep theirs.</summary>
    /// <param name="slotOf">The slot that a posting gets; negative for one that is left out.</param>
    public PostingList Renumber(Func<Posting, int> slotOf)
    {
        List<(int Slot, Posting Posting)> taken = [];
        foreach (var posting in View)
        {
            if (slotOf(posting) is >= 0 and var slot)
            {
                taken.Add((slot, posting));
            }
        }

        taken.Sort((a, b) => a.Slot - b.Slot);
        var renumbered = new PostingList();
        foreach (var (slot, posting) in taken)
        {
            renumbered.Add(slot, 0, Positions(posting));
        }

        return renumbered;
    }

    private void Add(Posting posting)
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

    private void AddByte(byte value)
    {
        if (_length == _positions.Length)
        {
            var grown = new byte[checked(_length * 2)];
            _positions.CopyTo(grown, 0);
            Volatile.Write(ref _positions, grown);
        }

        _positions[_length++] = value;
    }
}
