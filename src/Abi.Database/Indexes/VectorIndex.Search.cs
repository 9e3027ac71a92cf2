#pragma warning disable MA0048 // a part of VectorIndex
using System.Buffers;
using System.Numerics;
using Abi.Database.Rows;

namespace Abi.Database.Indexes;

/// <content>Searching.</content>
internal sealed unsafe partial class VectorIndex
{
    private const int UsualEffort = 128;
    private const long ParallelScanBytes = 32L << 20;
    private const int RuledOutInARow = 8;
    private const int RerankFactor = 4; // of the codes' best, how many are compared exactly for each one wanted

    /// <summary>The nearest records that a reader sees: always min(k, those that match).</summary>
    /// <param name="raw">The query's bytes.</param>
    /// <param name="count">k.</param>
    /// <param name="effort">How thoroughly.</param>
    /// <param name="visible">What the reader sees.</param>
    /// <param name="slots">All slots are below this.</param>
    /// <param name="matches">How many records match.</param>
    public TopK Search(ReadOnlySpan<byte> raw, int count, SearchEffort effort, VisibleSlots visible, int slots, int matches)
    {
        count = Math.Min(count, matches);
        var best = new TopK(count);
        if (count == 0)
        {
            return best;
        }

        var memory = QueryBuffer.Rent(Space.QueryBytes + (2 * Space.RowBytes) + (CodeSpace?.RowBytes ?? 0));
        try
        {
            var query = memory.Address;
            var row = query + Space.QueryBytes;
            var other = row + Space.RowBytes; // of a row that is paged
            var code = other + Space.RowBytes;
            Space.Encode(raw, row);
            Space.Prepare(row, query);
            if (Codes is not null)
            {
                EncodeCode(raw, code);
            }

            // A slot moves from what the graph lacks into the graph, never back.
            var (found, pending) = View;
            if (found is { Count: > 0 } graph && !effort.IsExact && Plan(graph, count, effort, matches) is var walk and > 0)
            {
                Walk(query, Codes is null ? query : code, other, graph, walk, count, best, visible);
                var walked = best.Count;
                AddPending(query, pending, best, visible);

                // The walk may have ended too soon, among deleted records: then what waits for the graph, however far, takes no place of what the walk has missed.
                if (best.Count == count && (walked == count || walked >= matches - CountAccepted(pending, visible)))
                {
                    return best;
                }

                best = new TopK(count); // every one is compared
            }

            Scan(query, code, other, best, visible, slots, matches, effort);
            return best;
        }
        finally
        {
            memory.Return();
            GC.KeepAlive(this);
        }
    }

    // A slot may have got into the graph meanwhile, and be found already.
    private void AddPending(byte* query, PendingSlots pending, TopK best, VisibleSlots visible)
    {
        if (pending.Count == 0)
        {
            return;
        }

        var nearest = new TopK(best.Capacity);
        Space.Scan(query, Rows, pending.Span, nearest, visible);
        best.Merge(nearest);
    }

    private static int CountAccepted(PendingSlots pending, VisibleSlots visible)
    {
        var count = 0;
        foreach (var slot in pending.Span)
        {
            count += visible.Accepts(slot) ? 1 : 0;
        }

        return count;
    }

    // The effort of a walk that finds enough of what matches, or 0 when comparing all matches is cheaper.
    private int Plan(NearIndex graph, int count, SearchEffort effort, int matches)
    {
        const int NodesPerStep = 24;  // new nodes that a step of the walk meets, about
        const int NodeCost = 2;       // a node anywhere in memory beside one of a scan
        var wanted = Math.Max(effort.Effort > 0 ? effort.Effort : effort.Recall > 0 ? EffortFor(graph, effort.Recall, count) : Math.Max(UsualEffort, 2 * count), count);
        var share = Math.Min(1.0, (double)matches / graph.Count);
        var scaled = Math.Min(wanted / Math.Max(share, 1e-9), graph.Count);
        scaled = Codes is null ? scaled : Math.Min(scaled * 1.125, graph.Count); // codes put a few of the nearest farther back
        return scaled * NodesPerStep * NodeCost < matches ? (int)Math.Ceiling(scaled) : share > 0.9 && scaled < graph.Count / 4 && effort.Effort > 0 ? (int)Math.Ceiling(scaled) : 0;
    }

    private void Walk(byte* query, byte* walkQuery, byte* buffer, NearIndex graph, int effort, int count, TopK best, VisibleSlots visible)
    {
        var rented = ArrayPool<ulong>.Shared.Rent(effort);
        var found = graph.Search(walkQuery, effort, rented);
        if (graph is InvertedFile)
        {
            // Codes of a byte for four elements tell the nearest from the near only roughly: every candidate is compared.
            foreach (var item in rented.AsSpan(0, found))
            {
                var slot = ScoredSlot.Slot(item);
                if (visible.Accepts(slot))
                {
                    Space.Offer(query, Rows.Row(slot, buffer), slot, best);
                }
            }
        }
        else if (Codes is null && Space.IsEstimated && graph is HnswGraph)
        {
            // By estimate, nearest first: compared exactly until the next ones are out of the question.
            var ruledOut = 0;
            for (var i = 0; i < found && ruledOut < RuledOutInARow; i++)
            {
                var slot = ScoredSlot.Slot(rented[i]);
                if (visible.Accepts(slot))
                {
                    ruledOut = Space.Offer(query, Rows.Row(slot), slot, best) ? 0 : ruledOut + 1;
                }
            }
        }
        else if (Codes is null)
        {
            for (var i = 0; i < found && best.Count < best.Capacity; i++)
            {
                if (visible.Accepts(ScoredSlot.Slot(rented[i])))
                {
                    best.Add(rented[i]);
                }
            }
        }
        else
        {
            var left = Math.Max(RerankFactor * count, count + 16);
            for (var i = 0; i < found && left > 0; i++)
            {
                var slot = ScoredSlot.Slot(rented[i]);
                if (visible.Accepts(slot))
                {
                    Space.Offer(query, Rows.Row(slot, buffer), slot, best);
                    left--;
                }
            }
        }

        ArrayPool<ulong>.Shared.Return(rented);
    }

    private void Scan(byte* query, byte* code, byte* buffer, TopK best, VisibleSlots visible, int slots, int matches, SearchEffort effort)
    {
        if (visible.Bits is not null && matches * 4L < slots)
        {
            ScanFew(query, best, visible, matches);
            return;
        }

        if (Codes is null || effort.IsExact)
        {
            ScanAll(query, Space, Rows, best, visible, slots, effort.Threads);
            return;
        }

        var rough = new TopK(Math.Max(RerankFactor * best.Capacity, best.Capacity + 16));
        ScanAll(code, CodeSpace!, Codes, rough, visible, slots, effort.Threads);
        foreach (var item in rough.Items)
        {
            var slot = ScoredSlot.Slot(item);
            Space.Offer(query, Rows.Row(slot, buffer), slot, best);
        }
    }

    private void ScanFew(byte* query, TopK best, VisibleSlots visible, int matches)
    {
        var rented = ArrayPool<int>.Shared.Rent(matches + 64);
        var bits = visible.Bits!;
        var found = 0;
        for (var word = 0; word < bits.Length; word++)
        {
            for (var left = bits[word]; left != 0; left &= left - 1)
            {
                rented[found++] = (word << 6) + BitOperations.TrailingZeroCount(left);
                if (found == rented.Length)
                {
                    Space.Scan(query, Rows, rented.AsSpan(0, found), best, visible);
                    found = 0;
                }
            }
        }

        Space.Scan(query, Rows, rented.AsSpan(0, found), best, visible);
        ArrayPool<int>.Shared.Return(rented);
    }

    private static void ScanAll(byte* query, VectorSpace space, NativeColumn rows, TopK best, VisibleSlots visible, int slots, int threads)
    {
        if (threads <= 1 || (long)slots * space.RowBytes < ParallelScanBytes)
        {
            space.Scan(query, rows, 0, slots, best, visible);
            return;
        }

        var part = (slots + threads - 1) / threads;
        var parts = new TopK[threads];
        var address = (nint)query;
        Parallel.For(0, threads, new ParallelOptions { MaxDegreeOfParallelism = threads }, i =>
        {
            parts[i] = new TopK(best.Capacity);
            space.Scan((byte*)address, rows, Math.Min(i * part, slots), Math.Min((i + 1) * part, slots), parts[i], visible);
        });
        foreach (var one in parts)
        {
            best.Merge(one);
        }
    }
}
