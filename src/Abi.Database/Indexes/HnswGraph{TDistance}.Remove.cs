#pragma warning disable MA0048 // a part of HnswGraph<TDistance>
using Abi.Database.Engine;

namespace Abi.Database.Indexes;

/// <content>Unlinking, as in "FreshDiskANN" (Singh et al., 2021), algorithm 4: neighbours of a removed node are joined to what it led to.</content>
internal sealed unsafe partial class HnswGraph<TDistance>
{
    private const float Slack = 1.44f; // the square of the paper's alpha, for distances that are squares
    private const int MostCandidates = 512;
    private const int SlotsPerTurn = 16; // about as long as linking a node takes

    public override void Remove(bool[] isRemoved, Func<int, bool> isLinked, int slots, int threads, WriteAdmission admission)
    {
        slots = Math.Min(slots, Capacity);
        var degree = new ParallelOptions { MaxDegreeOfParallelism = Math.Max(threads, 1) };
        Parallel.For(0, (slots + 1023) / 1024, degree, block =>
        {
            var walk = Rent(MostCandidates);
            var open = new Queue<int>();
            var end = Math.Min(slots, (block + 1) * 1024);
            for (var first = block * 1024; first < end; first += SlotsPerTurn)
            {
                using var turn = admission.Enter();
                for (var slot = first; slot < Math.Min(first + SlotsPerTurn, end); slot++)
                {
                    if (isRemoved[slot] || !isLinked(slot))
                    {
                        continue;
                    }

                    for (var level = 0; level <= LevelOf(slot); level++)
                    {
                        Bridge(slot, level, isRemoved, walk, open);
                    }
                }
            }

            _walks.Add(walk);
        });

        // First: a walk that began where no way leads on would find nothing.
        lock (_entryGate)
        {
            if (Entry >= 0 && isRemoved[(int)Entry])
            {
                Volatile.Write(ref Entry, HighestNode(isRemoved, isLinked, slots));
            }
        }

        for (var slot = 0; slot < slots; slot++)
        {
            if (isRemoved[slot])
            {
                NodeCount--;
                new Span<int>(Links.Row(slot), 2 * Connections).Fill(-1);
                UpperLinks[slot] = null;
            }
        }

        LinkUnreached(isRemoved, isLinked, slots, admission);
    }

    // All the nodes that led to a node may have gone together. It gets a link from one that is reached, and what it leads to itself is reached with it. Where there is no room for that, it may take the
    // place of another link, and what that led to is looked for in another round.
    private void LinkUnreached(bool[] isRemoved, Func<int, bool> isLinked, int slots, WriteAdmission admission)
    {
        const int Rounds = 4;
        if (EntryPoint < 0)
        {
            return;
        }

        var isReached = new bool[Capacity];
        var isCrowded = true;
        for (var round = 0; isCrowded && round < Rounds; round++)
        {
            isCrowded = false;
            isReached.AsSpan().Clear();
            Reach((int)EntryPoint, isReached, admission);
            for (var slot = 0; slot < slots; slot++)
            {
                if (!isReached[slot] && !isRemoved[slot] && isLinked(slot))
                {
                    isCrowded |= !TryLinkTo(slot, admission);
                    Reach(slot, isReached, admission);
                }
            }
        }
    }

    // Gives a node a link from the nearest one that a walk meets and that has room for it; returns false when none has, and one was linked to it in another's place.
    private bool TryLinkTo(int slot, WriteAdmission admission)
    {
        using var turn = admission.Enter();
        var memory = QueryBuffer.Rent(TDistance.QueryBytes(_rowBytes));
        TDistance.Prepare(Rows.Row(slot), memory.Address, _rowBytes);
        var walk = Rent(ConstructionEffort);
        var entry = EntryPoint;
        var nearest = Descend(memory.Address, (int)entry, (int)(entry >> 32), 0, walk);
        var met = new ReadOnlySpan<ulong>(walk.Pool, WalkBase(memory.Address, nearest, ConstructionEffort, walk));
        var hasRoom = false;
        for (var i = 0; i < met.Length && !hasRoom; i++)
        {
            hasRoom = TryAppend(ScoredSlot.Slot(met[i]), slot);
        }

        if (!hasRoom)
        {
            LinkBack(ScoredSlot.Slot(met[0]), slot, 0);
        }

        _walks.Add(walk);
        memory.Return();
        return hasRoom;
    }

    private bool TryAppend(int from, int to)
    {
        Lock(from);
        var links = LinksOf(from, 0);
        var room = links.IndexOf(-1);
        if (room >= 0)
        {
            Volatile.Write(ref links[room], to);
        }

        Unlock(from);
        return room >= 0;
    }

    // Notes which nodes some way leads to from one of them, by slot.
    private void Reach(int from, bool[] isReached, WriteAdmission admission)
    {
        const int NodesPerTurn = 256; // about as long as linking a node takes
        var open = new Stack<int>([from]);
        isReached[from] = true;
        while (open.Count > 0)
        {
            using var turn = admission.Enter();
            for (var i = 0; i < NodesPerTurn && open.TryPop(out var node); i++)
            {
                for (var level = LevelOf(node); level >= 0; level--)
                {
                    foreach (var link in LinksOf(node, level))
                    {
                        if (link < 0)
                        {
                            break;
                        }

                        if (!isReached[link])
                        {
                            isReached[link] = true;
                            open.Push(link);
                        }
                    }
                }
            }
        }
    }

    private void Bridge(int slot, int level, bool[] isRemoved, WalkState walk, Queue<int> open)
    {
        // What is left of the node's own links stays. Choosing all anew, with no slack, would thin the graph out with every round of deletions.
        var links = LinksOf(slot, level);
        Span<int> chosen = stackalloc int[links.Length];
        var (kept, before) = (0, 0);
        foreach (var link in links)
        {
            before += link >= 0 ? 1 : 0;
            if (link >= 0 && !isRemoved[link])
            {
                chosen[kept++] = link;
            }
        }

        if (kept == before)
        {
            return;
        }

        walk.Restamp();
        walk.Visited[slot] = walk.Stamp;
        foreach (var link in chosen[..kept])
        {
            walk.Visited[link] = walk.Stamp;
        }

        // Of copies only as many as leave room for more: some way must lead to each.
        var mostCopies = (MostCopies(links.Length) / 2) - CopiesAmong(chosen[..kept], slot, stackalloc int[kept]);
        var candidates = BehindRemoved(slot, links, level, isRemoved, walk, open, mostCopies);
        candidates.Sort();
        for (var i = 0; i < candidates.Length && kept < links.Length; i++)
        {
            if (LeadsElsewhere(candidates[i], chosen[..kept]))
            {
                chosen[kept++] = ScoredSlot.Slot(candidates[i]);
            }
        }

        for (var i = 0; i < candidates.Length && kept < before; i++)
        {
            if (!chosen[..kept].Contains(ScoredSlot.Slot(candidates[i])))
            {
                chosen[kept++] = ScoredSlot.Slot(candidates[i]);
            }
        }

        Write(slot, level, chosen[..kept]);
    }

    // What a node's removed neighbours lead to, of what the walk has not met, but no more copies of the node than are wanted. Chains of removed nodes are followed as far as they go, since half a
    // neighbourhood may be gone at once; step by step, so that what is near comes first. Copies that are not wanted count as met: among thousands of them every walk would else go through all.
    private Span<ulong> BehindRemoved(int slot, ReadOnlySpan<int> links, int level, bool[] isRemoved, WalkState walk, Queue<int> open, int mostCopies)
    {
        var query = Rows.Row(slot);
        var (count, met) = (0, 0);
        open.Clear();
        open.Enqueue(slot);
        while (met < MostCandidates && open.TryDequeue(out var node))
        {
            foreach (var link in node == slot ? links : LinksOf(node, level))
            {
                if (link < 0 || met == MostCandidates)
                {
                    break;
                }

                if (walk.Visited[link] == walk.Stamp)
                {
                    continue;
                }

                walk.Visited[link] = walk.Stamp;
                if (isRemoved[link])
                {
                    open.Enqueue(link);
                    continue;
                }

                met++;
                if (!IsCopy(slot, link) || mostCopies-- > 0)
                {
                    walk.Pool[count++] = ScoredSlot.Pack(TDistance.EstimateRows(query, Rows.Row(link), _rowBytes), link);
                }
            }
        }

        return new Span<ulong>(walk.Pool, count);
    }

    // As Choose does, but with slack.
    private bool LeadsElsewhere(ulong candidate, ReadOnlySpan<int> chosen)
    {
        var row = Rows.Row(ScoredSlot.Slot(candidate));
        var distance = ScoredSlot.Distance(candidate);
        foreach (var other in chosen)
        {
            if (TDistance.EstimateRows(row, Rows.Row(other), _rowBytes) * Slack < distance)
            {
                return false;
            }
        }

        return true;
    }

    private long HighestNode(bool[] isRemoved, Func<int, bool> isLinked, int slots)
    {
        var best = -1L;
        for (var slot = 0; slot < slots; slot++)
        {
            if (!isRemoved[slot] && isLinked(slot) && (best < 0 || LevelOf(slot) > (int)(best >> 32)))
            {
                best = ((long)LevelOf(slot) << 32) | (uint)slot;
            }
        }

        return best;
    }
}
