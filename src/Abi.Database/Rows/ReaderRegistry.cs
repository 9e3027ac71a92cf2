namespace Abi.Database.Rows;

/// <summary>Which snapshots are being read, so that a slot is used again only when no reader can still see what was in it. Entering and leaving never wait.</summary>
internal sealed class ReaderRegistry
{
    private const int Places = 64;
    private const int Spread = 8; // longs between two places: a cache line

    private readonly long[] _places = new long[Places * Spread]; // sequence + 1, or 0
    private ReaderRegistry? _more;

    /// <summary>Registers a reader.</summary>
    /// <param name="published">The sequence that is published; read again after it was registered, because a writer may have looked in between.</param>
    /// <param name="sequence">The sequence that the reader may use.</param>
    /// <returns>What to give to <see cref="Leave"/>.</returns>
    public int Enter(ref long published, out long sequence)
    {
        var start = Environment.CurrentManagedThreadId;
        for (var i = 0; i < Places; i++)
        {
            var place = (start + i) % Places;
            ref var entry = ref _places[place * Spread];
            sequence = Volatile.Read(ref published);
            if (entry != 0 || Interlocked.CompareExchange(ref entry, sequence + 1, 0) != 0)
            {
                continue;
            }

            while (Volatile.Read(ref published) is var now && now != sequence)
            {
                Interlocked.Exchange(ref entry, now + 1);
                sequence = now;
            }

            return place;
        }

        var more = Volatile.Read(ref _more);
        if (more is null)
        {
            var made = new ReaderRegistry();
            more = Interlocked.CompareExchange(ref _more, made, null) ?? made;
        }

        return more.Enter(ref published, out sequence) + Places;
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
}
