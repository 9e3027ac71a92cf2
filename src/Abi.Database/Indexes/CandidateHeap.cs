namespace Abi.Database.Indexes;

/// <summary>The nearest of many candidates, in a heap with the farthest on top.</summary>
/// <param name="items">Room for as many as are kept.</param>
internal ref struct CandidateHeap(Span<ulong> items)
{
    private readonly Span<ulong> _items = items;

    public int Count { get; private set; }

    /// <summary>What a distance must be below to get in.</summary>
    public float Threshold { get; private set; } = float.PositiveInfinity;

    /// <summary>Takes a slot if it is near enough.</summary>
    public void Offer(float distance, int slot)
    {
        if (distance < Threshold)
        {
            Add(ScoredSlot.Pack(distance, slot));
        }
    }

    /// <summary>Takes a packed slot whose distance is below the threshold.</summary>
    public void Add(ulong item)
    {
        int at;
        if (Count < _items.Length)
        {
            for (at = Count++; at > 0 && _items[(at - 1) / 2] < item; at = (at - 1) / 2)
            {
                _items[at] = _items[(at - 1) / 2];
            }
        }
        else
        {
            at = 0;
            for (var child = 1; child < Count; child = (2 * at) + 1)
            {
                child += child + 1 < Count && _items[child + 1] > _items[child] ? 1 : 0;
                if (_items[child] <= item)
                {
                    break;
                }

                _items[at] = _items[child];
                at = child;
            }
        }

        _items[at] = item;
        if (Count == _items.Length)
        {
            Threshold = ScoredSlot.Distance(_items[0]);
        }
    }
}
