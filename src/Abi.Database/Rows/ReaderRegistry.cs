namespace Abi.Database.Rows;

/// <summary>Which snapshots are being read, so that a slot is used again only when no reader can still see what was in it. Entering and leaving never wait.</summary>
internal sealed class ReaderRegistry
{
    private const int Places = 64;
    private const int Spread = 8; // longs between two places: a cache line

    private readonly long[] _places = new long[Places * Spread]; // sequence + 1, or 0
    private ReaderRegistry? _more;

    /// <summary>Registers a reader.</summary>
    /// <param name="published">What is published; read again after its sequence was registered, because a writer may have looked in between.</param>
    /// <param name="view">What the reader may use.</param>
    /// <returns>What to give to <see cref="Leave"/>.</returns>
    public int Enter(ref CollectionView published, out CollectionView view)
    {
        var start = Environment.CurrentManagedThreadId;
        for (var i = 0; i < Places; i++)
        {
            var place = (start + i) % Places;
            ref var entry = ref _places[place * Spread];
            view = Volatile.Read(ref published);
            if (entry != 0 || Interlocked.CompareExchange(ref entry, view.Sequence + 1, 0) != 0)
            {
                continue;
            }

            while (Volatile.Read(ref published) is var now && !ReferenceEquals(now, view))
            {
                Interlocked.Exchange(ref entry, now.Sequence + 1);
                view = now;
            }

            return place;
        }

        var more = Volatile.Read(ref _more);
        if (more is null)
        {
            var made = new ReaderRegistry();
            more = Interlocked.CompareExchange(ref _more, made, null) ?? made;
        }

        return more.Enter(ref published, out view) + Places;
    }

    public void Leave(int place)
    {
        var registry = this;
        for (; place >= Places; place -= Places)
        {
            registry = registry._more!;
        }

        Volatile.Write(ref registry._places[place * Spread], 0);
    }

    /// <summary>The oldest sequence that is read, or <paramref name="published"/> when none is older.</summary>
    public long Oldest(long published)
    {
        Interlocked.MemoryBarrier();
        for (var registry = this; registry is not null; registry = Volatile.Read(ref registry._more))
        {
            for (var i = 0; i < Places; i++)
            {
                var entry = Volatile.Read(ref registry._places[i * Spread]);
                if (entry != 0 && entry - 1 < published)
                {
                    published = entry - 1;
                }
            }
        }

        return published;
    }

    /// <summary>Adds the sequences that are read. Whoever registers meanwhile reads one that is published by then.</summary>
    public void AddTo(List<long> sequences)
    {
        Interlocked.MemoryBarrier();
        for (var registry = this; registry is not null; registry = Volatile.Read(ref registry._more))
        {
            for (var i = 0; i < Places; i++)
            {
                if (Volatile.Read(ref registry._places[i * Spread]) is var entry and not 0)
                {
                    sequences.Add(entry - 1);
                }
            }
        }
    }
}
