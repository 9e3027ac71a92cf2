namespace Abi.Database.Indexes;

/// <summary>The k nearest seen so far; of equal distances, the lower slots.</summary>
internal sealed class TopK(int capacity)
{
    private ulong[] _best = new ulong[Math.Min(capacity, 64)]; // a heap, or in order
    private bool _isOrdered;

    public int Count { get; private set; }

    public int Capacity => capacity;

    /// <summary>A distance above this does not get in.</summary>
    public float Threshold { get; private set; } = float.PositiveInfinity;

    /// <summary>What is kept, nearest first; equal distances by the lower slot.</summary>
    public ReadOnlySpan<ulong> Items
    {
        get
        {
            var items = _best.AsSpan(0, Count);
            if (!_isOrdered)
            {
                items.Sort();
                _isOrdered = true;
            }

            return items;
        }
    }

    /// <summary>Takes a slot if it is among the k nearest; nothing is farther than what is no number. A slot must be given once.</summary>
    public void Add(float distance, int slot) => Add(ScoredSlot.Pack(float.IsNaN(distance) ? float.PositiveInfinity : distance, slot));

    public void Add(ulong item)
    {
        if (_isOrdered)
        {
            Array.Reverse(_best, 0, Count); // falling order is a heap
            _isOrdered = false;
        }

        if (Count < capacity)
        {
            if (Count == _best.Length)
            {
                Array.Resize(ref _best, (int)Math.Min(capacity, Count * 2L));
            }

            FarthestHeap.Push(_best.AsSpan(0, ++Count), item);
        }
        else if (capacity > 0 && item < _best[0])
        {
            FarthestHeap.Replace(_best.AsSpan(0, Count), item);
        }

        if (Count == capacity && capacity > 0)
        {
            // One step up, so that an equal distance with a lower slot still gets in.
            Threshold = MathF.BitIncrement(ScoredSlot.Distance(_best[0]));
        }
    }

    /// <summary>Takes in what another found, of which some may be here already.</summary>
    public void Merge(TopK other)
    {
        ulong[] known = [.. Items];
        foreach (var item in other.Items)
        {
            if (known.AsSpan().BinarySearch(item) < 0)
            {
                Add(item);
            }
        }
    }
}
