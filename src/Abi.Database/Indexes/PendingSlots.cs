namespace Abi.Database.Indexes;

/// <summary>Slots that wait for the graph, in the order in which they came. A view never changes; the writer publishes a new one.</summary>
/// <param name="items">The slots; others may be appended behind <paramref name="tail"/>.</param>
/// <param name="head">The first that waits.</param>
/// <param name="tail">Behind the last that waits.</param>
internal sealed class PendingSlots(int[] items, int head, int tail)
{
    public static PendingSlots Empty { get; } = new([], 0, 0);

    public int Count => tail - head;

    public ReadOnlySpan<int> Span => items.AsSpan(head, tail - head);

    /// <summary>This with more at the end. Only ever called on the newest view.</summary>
    public PendingSlots Append(List<int> slots)
    {
        var array = items;
        var (from, to) = (head, tail);
        if (to + slots.Count > array.Length)
        {
            array = new int[Math.Max(64, ((to - from) + slots.Count) * 2)];
            Array.Copy(items, from, array, 0, to - from);
            (from, to) = (0, to - from);
        }

        slots.CopyTo(array, to);
        return new PendingSlots(array, from, to + slots.Count);
    }

    /// <summary>This without the first ones.</summary>
    public PendingSlots Skip(int count) => new(items, head + count, tail);
}
