#pragma warning disable MA0048 // a part of HnswGraph<TDistance>
namespace Abi.Database.Indexes;

/// <content>Unlinking, as in "FreshDiskANN" (Singh et al., 2021), algorithm 4: neighbours of a removed node are joined to what it led to.</content>
internal sealed unsafe partial class HnswGraph<TDistance>
{
    private const float Slack = 1.44f; // the square of the paper's alpha, for distances that are squares

    public override void Remove(bool[] isRemoved, Func<int, bool> isLinked, int slots, int threads)
    {
        slots = Math.Min(slots, Capacity);
        var degree = new ParallelOptions { MaxDegreeOfParallelism = Math.Max(threads, 1) };
        Parallel.For(0, (slots + 1023) / 1024, degree, block =>
        {
            for (var slot = block * 1024; slot < Math.Min(slots, (block * 1024) + 1024); slot++)
            {
                if (isRemoved[slot] || !isLinked(slot))
                {
                    continue;
                }

                for (var level = 0; level <= LevelOf(slot); level++)
                {
                    Bridge(slot, level, isRemoved);
                }
            }
        });

        var removed = 0;
        for (var slot = 0; slot < slots; slot++)
        {
            if (isRemoved[slot])
            {
                removed++;
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
    }

    private void Bridge(int slot, int level, bool[] isRemoved)
    {
        var links = LinksOf(slot, level);
        var isTouched = false;
        foreach (var link in links)
        {
            isTouched |= link >= 0 && isRemoved[link];
        }

        if (!isTouched)
        {
            return;
        }

        var query = Rows.Row(slot);
        HashSet<int> seen = [slot];
        List<ulong> candidates = [];
        foreach (var link in links)
        {
            if (link < 0)
            {
                break;
            }

            Consider(link);
        }

        // What is left of the node's own links stays. Choosing all anew, with no slack, would thin the graph out with every round of deletions.
        candidates.Sort();
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

        foreach (var candidate in candidates)
        {
            if (kept == links.Length)
            {
                break;
            }

            if (!chosen[..kept].Contains(ScoredSlot.Slot(candidate)) && LeadsElsewhere(candidate, chosen[..kept]))
            {
                chosen[kept++] = ScoredSlot.Slot(candidate);
            }
        }

        for (var i = 0; i < candidates.Count && kept < before; i++)
        {
            if (!chosen[..kept].Contains(ScoredSlot.Slot(candidates[i])))
            {
                chosen[kept++] = ScoredSlot.Slot(candidates[i]);
            }
        }

        Write(slot, level, chosen[..kept]);

        void Consider(int link)
        {
            // Chains of removed nodes are followed as far as they go: half a neighbourhood may be gone at once.
            var open = new Stack<int>();
            open.Push(link);
            while (open.TryPop(out var next) && candidates.Count < 512)
            {
                if (!seen.Add(next))
                {
                    continue;
                }

                if (!isRemoved[next])
                {
                    candidates.Add(ScoredSlot.Pack(TDistance.EstimateRows(query, Rows.Row(next), _rowBytes), next));
                    continue;
                }

                foreach (var further in LinksOf(next, level))
                {
                    if (further < 0)
                    {
                        break;
                    }

                    open.Push(further);
                }
            }
        }
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
