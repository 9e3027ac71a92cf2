#pragma warning disable MA0048 // a part of VectorIndex
using System.Buffers;
using System.Runtime.InteropServices;

namespace Abi.Database.Indexes;

/// <content>Finding out what effort a recall takes.</content>
internal sealed unsafe partial class VectorIndex
{
    private const int Samples = 128;
    private const int LargestEffort = 4096;
    private const int LargestCount = 100;
    private const int TruthBlock = 1024; // vectors that every sample is compared with in turn

    private readonly Lock _recallGate = new();
    private readonly Dictionary<(double Recall, int Count), int> _efforts = [];
    private long _effortsAt; // the changes of the graph before they were found
    private (int Slot, int[] Nearest)[] _truth = [];
    private long _truthAt;

    /// <summary>
    /// The least effort that reaches a recall on held-out queries: vectors of the collection itself, each hidden from the walk that looks for its neighbours. Found when first
    /// asked for, and again when a quarter of the graph has come or gone since.
    /// </summary>
    internal int EffortFor(NearIndex graph, double recall, int count)
    {
        (recall, count) = (Math.Ceiling(recall * 1000) / 1000, Math.Clamp(count, 1, LargestCount)); // whatever is asked for, what is kept has an end
        if (!_recallGate.TryEnter())
        {
            return Math.Max(UsualEffort * 2, 2 * count); // somebody is measuring: nobody waits for that
        }

        try
        {
            var changes = Volatile.Read(ref _changes);
            if ((changes - _effortsAt) * 4 > graph.Count)
            {
                _efforts.Clear();
                _effortsAt = changes;
            }

            if (!_efforts.TryGetValue((recall, count), out var effort))
            {
                _efforts[(recall, count)] = effort = Measure(graph, recall, count);
            }

            return effort;
        }
        finally
        {
            _recallGate.Exit();
        }
    }

    private int Measure(NearIndex graph, double recall, int count)
    {
        // Of those that came since some are nearer, and those that went cannot be found: a few make no difference among as many samples.
        if (Volatile.Read(ref _changes) is var changes && (_truth.Length == 0 || (changes - _truthAt) * 2048 > graph.Count))
        {
            (_truth, _truthAt) = (FindTruth(graph), changes);
        }

        if (_truth.Length == 0)
        {
            return UsualEffort;
        }

        // Recall grows with the effort, but for noise: the least power of two that reaches it, then halving between.
        var high = Math.Max(count, 16);
        while (high < LargestEffort && RecallAt(graph, high, count) < recall)
        {
            high *= 2;
        }

        var low = Math.Max(high / 2, count);
        while (high - low > Math.Max(2, high / 16))
        {
            var middle = (low + high) / 2;
            if (RecallAt(graph, middle, count) < recall)
            {
                low = middle;
            }
            else
            {
                high = middle;
            }
        }

        return Math.Min(high, LargestEffort);
    }

    private double RecallAt(NearIndex graph, int effort, int count)
    {
        var rented = ArrayPool<ulong>.Shared.Rent(effort);
        var (rows, space) = (Codes ?? Rows, CodeSpace ?? Space);
        var memory = QueryBuffer.Rent(space.QueryBytes + space.RowBytes);
        var (hits, all) = (0, 0);
        foreach (var (slot, nearest) in _truth)
        {
            space.Prepare(rows.Row(slot, memory.Address + space.QueryBytes), memory.Address);
            var found = Math.Min(graph.Search(memory.Address, effort, rented, slot), graph is InvertedFile ? effort : Codes is null ? count : RerankFactor * count);
            all += Math.Min(count, nearest.Length);
            for (var i = 0; i < Math.Min(count, nearest.Length); i++)
            {
                for (var j = 0; j < found; j++)
                {
                    if (ScoredSlot.Slot(rented[j]) == nearest[i])
                    {
                        hits++;
                        break;
                    }
                }
            }
        }

        memory.Return();
        ArrayPool<ulong>.Shared.Return(rented);
        return (double)hits / Math.Max(all, 1);
    }

    private (int Slot, int[] Nearest)[] FindTruth(NearIndex graph)
    {
        List<int> linked = [];
        for (var slot = 0; linked.Count < graph.Count && States.Has(slot); slot++)
        {
            if (States[slot] == SlotState.Linked)
            {
                linked.Add(slot);
            }
        }

        var step = Math.Max(1, linked.Count / Samples);
        List<(int Slot, TopK Best)> truth = [];
        for (var i = step / 2; i < linked.Count && truth.Count < Samples; i += step)
        {
            truth.Add((linked[i], new TopK(LargestCount)));
        }

        // Every vector is fetched once: it may be on disk.
        var memory = QueryBuffer.Rent(Space.QueryBytes + Space.RowBytes);
        for (var from = 0; from < linked.Count; from += TruthBlock)
        {
            var some = CollectionsMarshal.AsSpan(linked).Slice(from, Math.Min(TruthBlock, linked.Count - from));
            foreach (var (slot, best) in truth)
            {
                Space.Prepare(Rows.Row(slot, memory.Address + Space.QueryBytes), memory.Address);
                Space.Scan(memory.Address, Rows, some, best, new AllBut(slot));
            }
        }

        memory.Return();
        return [.. truth.Select(one => (one.Slot, (int[])[.. one.Best.Items.ToArray().Select(ScoredSlot.Slot)]))];
    }

    private readonly struct AllBut(int hidden) : ISlotFilter
    {
        public bool Accepts(int slot) => slot != hidden;
    }
}
