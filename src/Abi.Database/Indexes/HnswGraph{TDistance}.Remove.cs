#pragma warning disable MA0048 // a part of HnswGraph<TDistance>
using Abi.Database.Engine;

namespace Abi.Database.Indexes;

/// <content>Unlinking, as in "FreshDiskANN" (Singh et al., 2021), algorithm 4: neighbours of a removed node are joined to what it led to.</content>
internal sealed unsafe partial class HnswGraph<TDistance>
{
    private const float Slack = 1.44f; // the square of the paper's alpha, for distances that are squares
    private const int MostCandidates = 512;
    private const int SlotsPerTurn = 16; // about as long as linking a node takes

    private readonly HashSet<int> _inVain = []; // nodes that stayed unreached when they were linked anew: they are not again, until they lose a neighbour

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

                    var isChanged = false;
                    for (var level = 0; level <= LevelOf(slot); level++)
                    {
                        isChanged |= Bridge(slot, level, isRemoved, walk, open);
                    }

                    if (isChanged)
                    {
                        Forget(slot);
                    }
                }
            }

            _walks.Add(walk);
        });

        var removed = 0;
        for (var slot = 0; slot < slots; slot++)
        {
            if (isRemoved[slot])
            {
                removed++;
                Forget(slot);
                new Span<int>(Links.Row(slot), 2 * Connections).Fill(-1);
                UpperLinks[slot] = null;
            }
        }

        lock (_entryGate)
        {
            NodeCount -= removed;
            if (Entry >= 0 && isRemoved[(int)Entry])
            {
                Volatile.Write(ref Entry, HighestNode(isRemoved, isLinked, slots));
            }
        }

        LinkUnreached(isRemoved, isLinked, slots, degree, admission);
    }

    // All the nodes that led to a node may have gone together: then it is linked anew; and again, since the links to one may take the place of those to another, as long as that helps.
    private void LinkUnreached(bool[] isRemoved, Func<int, bool> isLinked, int slots, ParallelOptions degree, WriteAdmission admission)
    {
        var before = int.MaxValue;
        while (EntryPoint >= 0)
        {
            var isReached = Reached(admission);
            _inVain.RemoveWhere(slot => isReached[slot]);
            List<int> unreached = [.. Enumerable.Range(0, slots).Where(slot => !isReached[slot] && !isRemoved[slot] && isLinked(slot) && !_inVain.Contains(slot))];
            if (unreached.Count == 0)
            {
                return;
            }

            if (unreached.Count > before / 2)
            {
                _inVain.UnionWith(unreached);
                return;
            }

            before = unreached.Count;
            foreach (var slot in unreached)
            {
                for (var level = LevelOf(slot); level >= 0; level--)
                {
                    LinksOf(slot, level).Fill(-1);
                }
            }

            Parallel.ForEach(unreached, degree, slot =>
            {
                using var turn = admission.Enter();
                Link(slot, LevelOf(slot), EntryPoint);
            });
        }
    }

    private void Forget(int slot)
    {
        lock (_inVain)
        {
            _inVain.Remove(slot);
        }
    }

    // Which nodes some way leads to, by slot.
    private bool[] Reached(WriteAdmission admission)
    {
        const int NodesPerTurn = 256; // about as long as linking a node takes
        var isReached = new bool[Capacity];
        var open = new Stack<int>([(int)EntryPoint]);
        isReached[(int)EntryPoint] = true;
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

        return isReached;
    }

    // Returns whether the node's links are others than before.
    private bool Bridge(int slot, int level, bool[] isRemoved, WalkState walk, Queue<int> open)
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
            return false;
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
        return true;
    }

    // What a node's removed neighbours lead to, of what the walk has not met, but no more copies of the node than are wanted. Chains of removed nodes are followed as far as they go, since half a
    // neighbourhood may be gone at once; step by step, so that what is near comes first.
    private Span<ulong> BehindRemoved(int slot, ReadOnlySpan<int> links, int level, bool[] isRemoved, WalkState walk, Queue<int> open, int mostCopies)
    {
        var query = Rows.Row(slot);
        var count = 0;
        open.Clear();
        open.Enqueue(slot);
        while (count < MostCandidates && open.TryDequeue(out var node))
        {
            foreach (var link in node == slot ? links : LinksOf(node, level))
            {
                if (link < 0 || count == MostCandidates)
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
                }
                else if (!IsCopy(slot, link) || mostCopies-- > 0)
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
