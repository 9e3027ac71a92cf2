namespace Abi.Database.Indexes;

/// <summary>The k nearest seen so far, nearest first; equal distances by the lower slot.</summary>
internal sealed class TopK(int capacity)
{
    private ulong[] _best = new ulong[Math.Min(capacity, 64)];

    public int Count { get; private set; }

    public int Capacity => capacity;

    /// <summary>What a distance must be below to get in.</summary>
    public float Threshold { get; private set; } = float.PositiveInfinity;

    public ReadOnlySpan<ulong> Items => _best.AsSpan(0, Count);

    /// <summary>Takes a slot if it is among the k nearest. A slot must be given once.</summary>
    public void Add(float distance, int slot) => Add(ScoredSlot.Pack(distance, slot));

    public void Add(ulong item)
    {
        if (Count == capacity && (capacity == 0 || item >= _best[Count - 1]))
        {
            return;
        }

        if (Count == _best.Length && Count < capacity)
        {
            Array.Resize(ref _best, Math.Min(capacity, Count * 2));
        }

        var at = _best.AsSpan(0, Count).BinarySearch(item);
        at = at < 0 ? ~at : at;
        var moved = Math.Min(Count, capacity - 1) - at;
        Array.Copy(_best, at, _best, at + 1, moved);
        _best[at] = item;
        Count = Math.Min(Count + 1, capacity);
        if (Count == capacity)
        {
            // One step up, so that an equal distance with a lower slot still gets in.
            Threshold = MathF.BitIncrement(ScoredSlot.Distance(_best[Count - 1]));
        }
    }

    /// <summary>Takes in what another found.</summary>
    public void Merge(TopK other)
    {
        foreach (var item in other.Items)
        {
            Add(item);
        }
    }

    /// <summary>Takes a slot that may be there already.</summary>
    public void AddOnce(ulong item)
    {
        if (!Items.Contains(item))
        {
            Add(item);
        }
    }
}
