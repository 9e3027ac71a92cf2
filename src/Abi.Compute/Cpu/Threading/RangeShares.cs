namespace Abi.Compute.Cpu.Threading;

/// <summary>
/// Ranges of a work, each for whoever claims it. Every worker has a share that lies together, cut by cost, and goes through it from the beginning on: it reads memory in one stream, and the same
/// memory in every work, so that what it has touched first lies near it. Whoever has done its share helps where most is left, from the end on: then nobody waits but for ranges that are being done.
/// </summary>
/// <remarks>Claims are thread-safe. All ranges are done after at most <c>total / Σ speeds + greatest range / least speed</c>.</remarks>
internal sealed class RangeShares
{
    private const int ShareLongs = 16; // two cache lines for each share
    private readonly int[] _firsts; // of each worker, and the number of ranges: [workers + 1]
    private readonly long[] _shares; // of each worker: the next range, and above it the one after the last

    /// <summary>Cuts the shares; nothing can be claimed before <see cref="Begin"/>.</summary>
    /// <param name="costs">Of each range, in any unit.</param>
    /// <param name="workers">How many take part.</param>
    public RangeShares(ReadOnlySpan<long> costs, int workers)
    {
        Count = costs.Length;
        _shares = new long[workers * ShareLongs];
        _firsts = new int[workers + 1];
        long total = 0;
        foreach (var cost in costs)
        {
            total += cost;
        }

        long before = 0;
        var share = 0;
        for (var i = 0; i < costs.Length; i++)
        {
            for (; share < workers && before >= total * share / workers; share++)
            {
                _firsts[share] = i;
            }

            before += costs[i];
        }

        _firsts.AsSpan(share).Fill(costs.Length);
    }

    /// <summary>How many ranges there are.</summary>
    public int Count { get; }

    /// <summary>The ranges of a worker's own share.</summary>
    public (int First, int End) this[int worker] => (_firsts[worker], _firsts[worker + 1]);

    /// <summary>Puts every range back. Nobody may claim meanwhile.</summary>
    public void Begin()
    {
        for (var share = 0; share < _firsts.Length - 1; share++)
        {
            _shares[share * ShareLongs] = (uint)_firsts[share] | ((long)_firsts[share + 1] << 32);
        }
    }

    /// <summary>Takes a range; the caller knows that there is one for it.</summary>
    public int Claim(int worker)
    {
        ref var own = ref _shares[worker * ShareLongs];
        while (true)
        {
            var share = Volatile.Read(ref own);
            if ((int)share < share >> 32)
            {
                if (Interlocked.CompareExchange(ref own, share + 1, share) == share)
                {
                    return (int)share;
                }

                continue;
            }

            if (MostLeft() is var other and >= 0)
            {
                ref var others = ref _shares[other * ShareLongs];
                share = Volatile.Read(ref others);
                if ((int)share < share >> 32 && Interlocked.CompareExchange(ref others, share - (1L << 32), share) == share)
                {
                    return (int)(share >> 32) - 1;
                }
            }
        }
    }

    /// <summary>The share with most ranges left; −1 when none has any.</summary>
    private int MostLeft()
    {
        var (most, found) = (0L, -1);
        for (var i = 0; i < _firsts.Length - 1; i++)
        {
            var share = Volatile.Read(ref _shares[i * ShareLongs]);
            if ((share >> 32) - (int)share is var left && left > most)
            {
                (most, found) = (left, i);
            }
        }

        return found;
    }
}
