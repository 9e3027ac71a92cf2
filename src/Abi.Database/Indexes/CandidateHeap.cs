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
        if (Count < _items.Length)
        {
            FarthestHeap.Push(_items[..++Count], item);
        }
        else
        {
            FarthestHeap.Replace(_items, item);
        }

        if (Count == _items.Length)
        {
            Threshold = ScoredSlot.Distance(_items[0]);
        }
    }
}
