using System.Collections.Concurrent;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics.X86;
using Abi.Compute.Distances;
using Abi.Database.Rows;

namespace Abi.Database.Indexes;

/// <inheritdoc/>
internal sealed unsafe partial class HnswGraph<TDistance>(NativeColumn rows, int connections, int constructionEffort) : HnswGraph(rows, connections, constructionEffort)
    where TDistance : struct, IRowDistance<TDistance>
{
    private const int LinesAhead = 20; // cache lines that are asked for before they are compared: enough to hide memory, few enough for the core's fill buffers

    private readonly ConcurrentBag<WalkState> _walks = [];
    private readonly int _rowBytes = rows.Stride;
    private readonly int _rowsAhead = Math.Clamp(LinesAhead * 64 / TDistance.EstimateBytes(rows.Stride), 1, 8);

    public override int Search(byte* query, int effort, Span<ulong> found, int hidden = -1)
    {
        var entry = EntryPoint;
        if (entry < 0)
        {
            return 0;
        }

        var walk = Rent(effort);
        var nearest = Descend(query, (int)entry, (int)(entry >> 32), 0, walk);
        if (hidden >= 0)
        {
            walk.Visited[hidden] = walk.Stamp;
        }

        var count = WalkBase(query, nearest, effort, walk);
        for (var i = 0; i < count; i++)
        {
            found[i] = walk.Pool[i] & ~ScoredSlot.Mark;
        }

        if (hidden >= 0 && ScoredSlot.Slot(nearest) == hidden)
        {
            // The walk began on the hidden node; it may lead on, but is no result.
            var at = found[..count].IndexOf(nearest & ~ScoredSlot.Mark);
            if (at >= 0)
            {
                found[(at + 1)..count].CopyTo(found[at..]);
                count--;
            }
        }

        _walks.Add(walk);
        return count;
    }

    private WalkState Rent(int effort)
    {
        if (!_walks.TryTake(out var walk))
        {
            walk = new WalkState();
        }

        walk.Begin(Capacity, effort);
        return walk;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private float Distance(byte* query, int slot) => TDistance.Estimate(query, Rows.Row(slot), _rowBytes);

    // Always to the nearest neighbour, level by level, until none is nearer. A node compared once is not nearer later either, on no level.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private ulong Descend(byte* query, int slot, int fromLevel, int toLevel, WalkState walk)
    {
        var best = Distance(query, slot);
        if (fromLevel <= toLevel)
        {
            return ScoredSlot.Pack(best, slot);
        }

        var visited = walk.Visited;
        var stamp = walk.Stamp;
        var neighbours = walk.Neighbours;
        var slots = (uint)walk.Slots;
        visited[slot] = stamp;
        for (var level = fromLevel; level > toLevel; level--)
        {
            for (var moved = true; moved;)
            {
                moved = false;
                var fresh = 0;
                foreach (var link in Upper(slot, level)) // none, when the slot is another record's by now, which reaches less high
                {
                    if ((uint)link >= slots)
                    {
                        break;
                    }

                    neighbours[fresh] = link;
                    fresh += visited[link] == stamp ? 0 : 1;
                    visited[link] = stamp;
                }

                for (var i = 0; i < Math.Min(fresh, _rowsAhead); i++)
                {
                    Prefetch(Rows.Row(neighbours[i]), TDistance.EstimateBytes(_rowBytes));
                }

                for (var i = 0; i < fresh; i++)
                {
                    if (i + _rowsAhead < fresh)
                    {
                        Prefetch(Rows.Row(neighbours[i + _rowsAhead]), TDistance.EstimateBytes(_rowBytes));
                    }

                    var distance = Distance(query, neighbours[i]);
                    if (distance < best)
                    {
                        (best, slot, moved) = (distance, neighbours[i], true);
                    }
                }
            }
        }

        walk.Restamp();
        return ScoredSlot.Pack(best, slot);
    }

    // The walk of level 0: the inner loop of every search. Candidates stand in one sorted array; an expanded one carries a mark.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)] // the first graph of a process is mostly built before the runtime would have compiled it well
    private int WalkBase(byte* query, ulong entry, int effort, WalkState walk)
    {
        var pool = walk.Pool;
        var visited = walk.Visited;
        var stamp = walk.Stamp;
        var neighbours = walk.Neighbours;
        var rowBytes = _rowBytes;
        var estimateBytes = TDistance.EstimateBytes(rowBytes);
        var rowsAhead = _rowsAhead;
        var chunks = Rows.Chunks;
        var linkChunks = Links.Chunks;
        var linkBytes = Links.Stride;
        var most = 2 * Connections;
        var slots = (uint)walk.Slots;
        var distances = stackalloc float[4];
        var four = stackalloc byte*[4];
        pool[0] = entry;
        visited[ScoredSlot.Slot(entry)] = stamp;
        var count = 1;
        var next = 0;
        var worst = float.PositiveInfinity;
        if (effort == 1)
        {
            worst = ScoredSlot.Distance(entry);
        }

        while (next < count)
        {
            var current = pool[next];
            if ((current & ScoredSlot.Mark) != 0)
            {
                next++;
                continue;
            }

            pool[next] = current | ScoredSlot.Mark;
            var node = ScoredSlot.Slot(current);
            var links = (int*)(linkChunks[node >> NativeColumn.Shift] + ((nint)(node & NativeColumn.Mask) * linkBytes));
            var fresh = 0;
            for (var i = 0; i < most; i++)
            {
                var link = links[i];
                if ((uint)link >= slots)
                {
                    break; // the end of the list, or a node that is younger than this walk
                }

                neighbours[fresh] = link;
                fresh += visited[link] == stamp ? 0 : 1;
                visited[link] = stamp;
            }

            for (var i = 0; i < rowsAhead && i < fresh; i++)
            {
                Prefetch(chunks[neighbours[i] >> NativeColumn.Shift] + ((nint)(neighbours[i] & NativeColumn.Mask) * rowBytes), estimateBytes);
            }

            for (var first = 0; first < fresh; first += 4)
            {
                // Four at a time; behind the last one it is compared again.
                for (var i = first; i < first + 4; i++)
                {
                    if (i + rowsAhead < fresh)
                    {
                        var ahead = neighbours[i + rowsAhead];
                        Prefetch(chunks[ahead >> NativeColumn.Shift] + ((nint)(ahead & NativeColumn.Mask) * rowBytes), estimateBytes);
                    }

                    var slot = neighbours[Math.Min(i, fresh - 1)];
                    four[i - first] = chunks[slot >> NativeColumn.Shift] + ((nint)(slot & NativeColumn.Mask) * rowBytes);
                }

                TDistance.EstimateFour(query, four[0], four[1], four[2], four[3], rowBytes, distances);
                var some = Math.Min(4, fresh - first);
                for (var i = 0; i < some; i++)
                {
                    if (distances[i] < worst)
                    {
                        var at = WalkState.Insert(pool, ref count, effort, ScoredSlot.Pack(distances[i], neighbours[first + i]));
                        next = Math.Min(next, at);
                        if (count == effort)
                        {
                            worst = ScoredSlot.Distance(pool[count - 1]);
                        }
                    }
                }
            }

            // The links of the candidate that is most likely next.
            if (Sse.IsSupported)
            {
                var likely = next;
                while (likely < count && (pool[likely] & ScoredSlot.Mark) != 0)
                {
                    likely++;
                }

                next = likely;
                if (likely < count)
                {
                    var slot = ScoredSlot.Slot(pool[likely]);
                    var address = linkChunks[slot >> NativeColumn.Shift] + ((nint)(slot & NativeColumn.Mask) * linkBytes);
                    Sse.Prefetch0(address);
                    Sse.Prefetch0(address + 64);
                }
            }
        }

        return count;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Prefetch(byte* row, int bytes)
    {
        if (Sse.IsSupported)
        {
            for (var at = 0; at < bytes; at += 64)
            {
                Sse.Prefetch0(row + at);
            }

            if ((bytes & 63) != 0)
            {
                Sse.Prefetch0(row + bytes - 1); // it may reach into one line more
            }
        }
    }
}
