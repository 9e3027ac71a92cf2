#pragma warning disable MA0048 // a part of HnswGraph<TDistance>
using System.Runtime.CompilerServices;
using Abi.Database.Engine;

namespace Abi.Database.Indexes;

/// <content>Linking.</content>
internal sealed unsafe partial class HnswGraph<TDistance>
{
    private readonly Lock _entryGate = new();
    private ulong _levels; // how many levels were drawn

    public override void Insert(IReadOnlyList<int> slots, int threads, WriteAdmission admission)
    {
        if (slots.Count == 0)
        {
            return;
        }

        Grow(slots.Max() + 1);
        var first = 0;
        if (EntryPoint < 0)
        {
            InsertOne(slots[first++], admission);
        }

        if (threads <= 1)
        {
            for (; first < slots.Count; first++)
            {
                InsertOne(slots[first], admission);
            }

            return;
        }

        // Ranges of a few: nodes next to each other in the list often lie near each other, and should meet.
        Parallel.For(0, (slots.Count - first + 7) / 8, new ParallelOptions { MaxDegreeOfParallelism = threads }, block =>
        {
            for (var i = first + (block * 8); i < Math.Min(slots.Count, first + (block * 8) + 8); i++)
            {
                InsertOne(slots[i], admission);
            }
        });
    }

    private void InsertOne(int slot, WriteAdmission admission)
    {
        using var turn = admission.Enter();
        var level = DrawLevel();
        if (level > 0 && HasCopy(slot))
        {
            level = 0; // the levels above lead from vector to vector
        }

        UpperLinks[slot] = null;
        new Span<int>(Links.Row(slot), 2 * Connections).Fill(-1);
        if (level > 0)
        {
            var upper = new int[level * Connections];
            Array.Fill(upper, -1);
            Volatile.Write(ref UpperLinks[slot], upper);
        }

        Interlocked.Increment(ref NodeCount);
        var entry = EntryPoint;
        if (entry < 0 || level > (int)(entry >> 32))
        {
            // Rare: a new top. One at a time, so that every top is linked to what is below it.
            lock (_entryGate)
            {
                entry = EntryPoint;
                if (entry >= 0)
                {
                    Link(slot, level, entry);
                }

                if (entry < 0 || level > (int)(entry >> 32))
                {
                    Volatile.Write(ref Entry, ((long)level << 32) | (uint)slot);
                }
            }

            return;
        }

        Link(slot, level, entry);
    }

    private bool HasCopy(int slot)
    {
        var entry = EntryPoint;
        if (entry < 0)
        {
            return false;
        }

        var memory = QueryBuffer.Rent(TDistance.QueryBytes(_rowBytes));
        TDistance.Prepare(Rows.Row(slot), memory.Address, _rowBytes);
        var walk = Rent(1);
        var nearest = Descend(memory.Address, (int)entry, (int)(entry >> 32), 0, walk);
        WalkBase(memory.Address, nearest, 1, walk);
        nearest = walk.Pool[0];
        _walks.Add(walk);
        memory.Return();
        return IsCopy(slot, ScoredSlot.Slot(nearest));
    }

    // The levels of a tree with M children a node: P(level ≥ l) = M^-l. Drawn from a counter, so that one thread builds the same graph each time.
    private int DrawLevel()
    {
        var uniform = ((Mixed(Interlocked.Increment(ref _levels)) >> 11) + 1) * (1.0 / (1ul << 53));
        return Math.Min((int)(-Math.Log(uniform) / Math.Log(Connections)), 15);
    }

    // SplitMix64 (Steele, Lea and Flood, "Fast Splittable Pseudorandom Number Generators", 2014): numbers that look drawn, of a counter.
    private static ulong Mixed(ulong counter)
    {
        var x = counter * 0x9E3779B97F4A7C15ul;
        x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9ul;
        x = (x ^ (x >> 27)) * 0x94D049BB133111EBul;
        return x ^ (x >> 31);
    }

    private void Link(int slot, int level, long entry)
    {
        var memory = QueryBuffer.Rent(TDistance.QueryBytes(_rowBytes));
        var query = memory.Address;
        TDistance.Prepare(Rows.Row(slot), query, _rowBytes);
        var top = (int)(entry >> 32);
        var descent = Rent(1);
        var nearest = Descend(query, (int)entry, top, level, descent);
        _walks.Add(descent);
        var highest = Math.Min(level, top);
        Span<int> chosen = stackalloc int[(highest + 1) * Connections];
        Span<int> counts = stackalloc int[highest + 1];
        Span<int> copiesAmong = stackalloc int[Connections];
        for (var at = highest; at >= 0; at--)
        {
            var walk = Rent(ConstructionEffort);
            walk.Visited[slot] = walk.Stamp; // it is no neighbour of its own
            var count = at == 0 ? WalkBase(query, nearest, ConstructionEffort, walk) : WalkUpper(query, nearest, at, ConstructionEffort, walk);
            nearest = walk.Pool[0] & ~ScoredSlot.Mark;
            var own = chosen.Slice(at * Connections, Connections);
            var links = Choose(new ReadOnlySpan<ulong>(walk.Pool, count), Connections, OwnCopies, own, slot);
            var copies = CopiesAmong(own[..links], slot, copiesAmong);
            if (copies == links && links > 0)
            {
                links = TakeWaysOut(slot, at, own, links);
            }

            counts[at] = links;
            _walks.Add(walk);
        }

        // From below: whoever comes down by a node finds ways on. Otherwise what others link meanwhile would hang on this one alone.
        for (var at = 0; at <= highest; at++)
        {
            var own = chosen.Slice(at * Connections, counts[at]);
            Write(slot, at, own);

            // The others, too, though they lead to a copy already: that one may be deleted.
            foreach (var link in own)
            {
                LinkBack(link, slot, at);
            }
        }

        memory.Return();
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private int WalkUpper(byte* query, ulong entry, int level, int effort, WalkState walk)
    {
        var pool = walk.Pool;
        pool[0] = entry;
        walk.Visited[ScoredSlot.Slot(entry)] = walk.Stamp;
        var count = 1;
        for (var next = 0; next < count;)
        {
            var current = pool[next];
            if ((current & ScoredSlot.Mark) != 0)
            {
                next++;
                continue;
            }

            pool[next] |= ScoredSlot.Mark;
            foreach (var link in Upper(ScoredSlot.Slot(current), level))
            {
                if ((uint)link >= (uint)walk.Slots)
                {
                    break;
                }

                if (walk.Visited[link] == walk.Stamp)
                {
                    continue;
                }

                walk.Visited[link] = walk.Stamp;
                var candidate = ScoredSlot.Pack(Distance(query, link), link);
                if (count < effort || candidate < pool[count - 1])
                {
                    next = Math.Min(next, WalkState.Insert(pool, ref count, effort, candidate));
                }
            }
        }

        return count;
    }

    private Span<int> Upper(int slot, int level)
    {
        var links = UpperLinks[slot];
        return links is null || links.Length < level * Connections ? [] : links.AsSpan((level - 1) * Connections, Connections);
    }

    private Span<int> LinksOf(int slot, int level) => level == 0 ? new Span<int>(Links.Row(slot), 2 * Connections) : Upper(slot, level);

    // Algorithm 4 of the paper: a candidate is kept when it is nearer to the node than to every one kept before it, so that links lead into different directions. Copies of the node do not count in
    // that, and only some are kept, first in the list: nodes that led to nothing but copies of one another would be a place that no walk leaves.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private int Choose(ReadOnlySpan<ulong> candidates, int most, int mostCopies, Span<int> chosen, int self)
    {
        var (count, copies) = (0, 0);
        foreach (var candidate in candidates)
        {
            var slot = ScoredSlot.Slot(candidate);
            if (slot == self)
            {
                continue;
            }

            if (IsCopy(self, slot))
            {
                if (copies == mostCopies)
                {
                    continue;
                }

                chosen[count++] = chosen[copies];
                chosen[copies++] = slot;
            }
            else
            {
                var distance = ScoredSlot.Distance(candidate);
                var row = Rows.Row(slot);
                var isKept = true;
                for (var i = copies; i < count && isKept; i++)
                {
                    isKept = TDistance.EstimateRows(row, Rows.Row(chosen[i]), _rowBytes) >= distance;
                }

                if (!isKept)
                {
                    continue;
                }

                chosen[count++] = slot;
            }

            if (count == most)
            {
                break;
            }
        }

        return count;
    }

    // When a walk met nothing but copies of the node: where the first of them leads besides.
    private int TakeWaysOut(int slot, int level, Span<int> chosen, int count)
    {
        foreach (var link in LinksOf(chosen[0], level))
        {
            if (link < 0 || count == Connections)
            {
                break;
            }

            if (!IsCopy(slot, link))
            {
                chosen[count++] = link;
            }
        }

        return count;
    }

    // Vectors between which rounding may be all are as good as the same: which of them is nearer would be chance, and so is where links chosen by that would lead.
    private bool IsCopy(int a, int b) => TDistance.AreAlike(Rows.Row(a), Rows.Row(b), _rowBytes);

    // Which of some links lead to copies of a node; returns how many.
    private int CopiesAmong(ReadOnlySpan<int> links, int slot, Span<int> copies)
    {
        var count = 0;
        foreach (var link in links)
        {
            if (IsCopy(slot, link))
            {
                copies[count++] = link;
            }
        }

        return count;
    }

    // How many of the links that a node chooses itself may lead to copies of it. They come first in its list.
    private int OwnCopies => Math.Max(1, Connections / 4);

    // How many of all its links may: room for two behind its own, so that copies form a tree and no chain.
    private int MostCopies(int links) => Math.Min(Math.Max(links / 2, OwnCopies + 2), links - 1);

    private void Write(int slot, int level, ReadOnlySpan<int> chosen)
    {
        Lock(slot);
        var links = LinksOf(slot, level);
        chosen.CopyTo(links);
        links[chosen.Length..].Fill(-1);
        Unlock(slot);
    }

    // A node that has links to enough copies of itself passes another one on to one of them that it did not choose, but was given after it was linked, until it finds room. Those it chose lead back to
    // where most were passed on from.
    private void LinkBack(int from, int to, int level)
    {
        const int Patience = 64;
        for (var i = 0; i < Patience && from >= 0; i++)
        {
            from = TryLinkBack(from, to, level, Mixed(((ulong)to * Patience) + (uint)i));
        }
    }

    // Returns who shall do it instead, or -1.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private int TryLinkBack(int from, int to, int level, ulong lot)
    {
        Lock(from);
        try
        {
            var links = LinksOf(from, level);
            if (links.IsEmpty || links.Contains(to))
            {
                return -1;
            }

            var count = links.IndexOf(-1);
            count = count < 0 ? links.Length : count;
            if (IsCopy(from, to))
            {
                Span<int> copies = stackalloc int[count];
                var some = CopiesAmong(links[..count], from, copies);
                if (some >= MostCopies(links.Length))
                {
                    return some > OwnCopies ? copies[OwnCopies + (int)(lot % (uint)(some - OwnCopies))] : -1;
                }
            }

            if (count < links.Length)
            {
                Volatile.Write(ref links[count], to);
                return -1;
            }

            var query = Rows.Row(from);
            Span<ulong> candidates = stackalloc ulong[links.Length + 1];
            var inOrder = 0; // copies stay in order
            for (var i = 0; i < candidates.Length; i++)
            {
                var link = i < links.Length ? links[i] : to;
                candidates[i] = ScoredSlot.Pack(TDistance.EstimateRows(query, Rows.Row(link), _rowBytes), link);
                if (IsCopy(from, link))
                {
                    (candidates[inOrder], candidates[i]) = (candidates[i], candidates[inOrder]);
                    inOrder++;
                }
            }

            candidates[inOrder..].Sort();
            Span<int> chosen = stackalloc int[links.Length];
            var kept = Choose(candidates, links.Length, MostCopies(links.Length), chosen, from);
            chosen[..kept].CopyTo(links);
            links[kept..].Fill(-1);
            return -1;
        }
        finally
        {
            Unlock(from);
        }
    }
}
