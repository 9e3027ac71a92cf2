namespace Abi.Database.Indexes;

/// <summary>Packed <see cref="ScoredSlot"/>s in a heap with the farthest on top.</summary>
internal static class FarthestHeap
{
    /// <summary>Puts one more in.</summary>
    /// <param name="items">The heap, and a place behind it.</param>
    /// <param name="item">What comes in.</param>
    public static void Push(Span<ulong> items, ulong item)
    {
        var at = items.Length - 1;
        for (; at > 0 && items[(at - 1) / 2] < item; at = (at - 1) / 2)
        {
            items[at] = items[(at - 1) / 2];
        }

        items[at] = item;
    }

    /// <summary>Puts one in for the farthest.</summary>
    public static void Replace(Span<ulong> items, ulong item)
    {
        var at = 0;
        for (var child = 1; child < items.Length; child = (2 * at) + 1)
        {
            child += child + 1 < items.Length && items[child + 1] > items[child] ? 1 : 0;
            if (items[child] <= item)
            {
                break;
            }

            items[at] = items[child];
            at = child;
        }

        items[at] = item;
    }
}
