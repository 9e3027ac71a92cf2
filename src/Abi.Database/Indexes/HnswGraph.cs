using Abi.Database.Rows;
using Abi.Database.Storage;

namespace Abi.Database.Indexes;

/// <summary>
/// A hierarchical navigable small-world graph over the rows of a column (Malkov and Yashunin, "Efficient and robust approximate nearest neighbor search using Hierarchical
/// Navigable Small World graphs", 2016). A node is a slot. Walks take no locks and may run while nodes are linked or unlinked: every link names a slot that has a row, so
/// a walk that meets a half-changed list loses or gains a way, never its footing.
/// </summary>
internal abstract unsafe class HnswGraph : NearIndex
{
    private readonly int[] _locks = new int[4096];
    private int _capacity;

    protected HnswGraph(NativeColumn rows, int connections, int constructionEffort)
    {
        Rows = rows;
        Connections = connections;
        ConstructionEffort = constructionEffort;
        Links = new NativeColumn(2 * connections * sizeof(int));
    }

    /// <summary>M: the links of a node on an upper level; twice as many on level 0.</summary>
    public int Connections { get; }

    /// <summary>The nodes linked.</summary>
    public override int Count => Volatile.Read(ref NodeCount);

    public override IndexKind Kind => IndexKind.Hnsw;

    // Of the levels above, one node in M has M links on average.
    public override long ResidentBytes => Links.OwnedBytes + ((long)Capacity * sizeof(long)) + ((long)Count * sizeof(int));

    /// <summary>The links of level 0: int [2 M] a slot, -1 behind the last.</summary>
    public NativeColumn Links { get; }

    /// <summary>The links of levels 1 and up: int [levels · M] for the slots that have any.</summary>
    public SlotArray<int[]?> UpperLinks { get; } = new(null);

    protected NativeColumn Rows { get; }

    protected int ConstructionEffort { get; }

    /// <summary>Slots that have memory. Whoever has read this finds the memory of all below it: walks follow links to those only.</summary>
    protected int Capacity => Volatile.Read(ref _capacity);

    /// <summary>The node where walks begin: (level &lt;&lt; 32) | slot, or -1.</summary>
    protected long Entry = -1;

    /// <summary>The nodes linked.</summary>
    protected int NodeCount;

    public long EntryPoint => Volatile.Read(ref Entry);

    /// <summary>Makes room for slots below a number. Not while nodes are inserted.</summary>
    public void Grow(int slots)
    {
        if (slots > Capacity)
        {
            Links.Grow(slots);
            UpperLinks.Grow(slots);
            Volatile.Write(ref _capacity, (slots + NativeColumn.Mask) & ~NativeColumn.Mask);
        }
    }

    /// <summary>Takes over a graph that was saved: links of level 0 are in <see cref="Links"/> already.</summary>
    /// <param name="levels">The level of each slot's node; <see cref="byte.MaxValue"/> where there is none.</param>
    /// <param name="upper">The links of levels 1 and up, slot by slot.</param>
    /// <param name="entry">The node where walks begin.</param>
    /// <returns>False when a link leads to what is no node of its level: links are followed without looking.</returns>
    public bool Restore(ReadOnlySpan<byte> levels, ReadOnlySpan<int> upper, long entry)
    {
        var slots = levels.Length;
        if (slots > 0)
        {
            Grow(slots);
        }

        for (var slot = 0; slot < slots; slot++)
        {
            if (levels[slot] == byte.MaxValue)
            {
                continue;
            }

            NodeCount++;
            var length = levels[slot] * Connections;
            if (length > upper.Length || !LeadToNodes(new ReadOnlySpan<int>(Links.Row(slot), 2 * Connections), levels, 0))
            {
                return false;
            }

            for (var level = 1; level <= levels[slot]; level++)
            {
                if (!LeadToNodes(upper.Slice((level - 1) * Connections, Connections), levels, level))
                {
                    return false;
                }
            }

            if (length > 0)
            {
                UpperLinks[slot] = upper[..length].ToArray();
                upper = upper[length..];
            }
        }

        Entry = entry;
        var entrySlot = (int)entry;
        return upper.Length == 0 && (entry == -1 ? NodeCount == 0 : entrySlot >= 0 && entrySlot < slots && levels[entrySlot] != byte.MaxValue && levels[entrySlot] == (int)(entry >> 32));
    }

    private static bool LeadToNodes(ReadOnlySpan<int> links, ReadOnlySpan<byte> levels, int level)
    {
        foreach (var link in links)
        {
            if (link != -1 && ((uint)link >= (uint)levels.Length || levels[link] == byte.MaxValue || levels[link] < level))
            {
                return false;
            }
        }

        return true;
    }

    /// <summary>The level of a node.</summary>
    public int LevelOf(int slot) => (UpperLinks[slot]?.Length ?? 0) / Connections;

    protected void Lock(int slot)
    {
        ref var gate = ref _locks[slot & (_locks.Length - 1)];
        if (Interlocked.CompareExchange(ref gate, 1, 0) != 0)
        {
            var wait = default(SpinWait);
            do
            {
                wait.SpinOnce(sleep1Threshold: -1);
            }
            while (Volatile.Read(ref gate) != 0 || Interlocked.CompareExchange(ref gate, 1, 0) != 0);
        }
    }

    protected void Unlock(int slot) => Volatile.Write(ref _locks[slot & (_locks.Length - 1)], 0);
}
