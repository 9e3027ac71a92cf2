using System.Runtime.Intrinsics.X86;
using Abi.Database.Rows;

namespace Abi.Database.Indexes;

/// <summary>
/// The greedy search of a graph whose nodes are slow to reach, by codes that are in memory (Jayaram Subramanya et al., "DiskANN: Fast Accurate Billion-point Nearest Neighbor Search on a Single Node",
/// 2019, section 3.3): of the candidates, the nearest few that were not met are fetched together, and what they lead to becomes candidates by the distance of its code.
/// </summary>
internal static unsafe class CodeWalk
{
    /// <summary>How many nodes are fetched together at most.</summary>
    public const int WidestBeam = 8;

    private const int CodesAhead = 8;

    /// <summary>Walks until the nearest <paramref name="effort"/> candidates have been met.</summary>
    /// <param name="nodes">The nodes; each is met once.</param>
    /// <param name="codes">A code a node.</param>
    /// <param name="table">The query's table.</param>
    /// <param name="entry">The node to begin with.</param>
    /// <param name="count">All nodes are below this.</param>
    /// <param name="links">The links of a node, at most.</param>
    /// <param name="effort">How many candidates are kept.</param>
    /// <param name="beam">How many nodes are fetched together, up to <see cref="WidestBeam"/>.</param>
    /// <param name="walk">What the walk needs, begun for as many nodes and that effort. What is stamped in it is not met.</param>
    public static void Run<TNodes>(ref TNodes nodes, NativeColumn codes, float* table, int entry, int count, int links, int effort, int beam, WalkState walk)
        where TNodes : struct, ICodeNodes, allows ref struct
    {
        var candidates = walk.Pool;
        var seen = walk.Visited;
        var stamp = walk.Stamp;
        var fresh = walk.Neighbours;
        var next = stackalloc ulong[WidestBeam];
        var codeBytes = codes.Stride;
        candidates[0] = ScoredSlot.Pack(ProductQuantizer.Sum(table, codes.Row(entry), codeBytes), entry);
        seen[entry] = stamp;
        var (kept, at) = (1, 0);
        while (true)
        {
            var asked = 0;
            for (; at < kept && asked < beam; at++)
            {
                if ((candidates[at] & ScoredSlot.Mark) == 0)
                {
                    next[asked++] = candidates[at];
                    candidates[at] |= ScoredSlot.Mark;
                }
            }

            if (asked == 0)
            {
                return;
            }

            nodes.Ask(new ReadOnlySpan<ulong>(next, asked));
            for (var i = 0; i < asked; i++)
            {
                var found = NotSeen(nodes.Meet(next[i]), links, count, seen, stamp, fresh);
                for (var j = 0; j < Math.Min(found, CodesAhead); j++)
                {
                    Prefetch(codes.Row(fresh[j]));
                }

                for (var j = 0; j < found; j++)
                {
                    if (j + CodesAhead < found)
                    {
                        Prefetch(codes.Row(fresh[j + CodesAhead]));
                    }

                    var item = ScoredSlot.Pack(ProductQuantizer.Sum(table, codes.Row(fresh[j]), codeBytes), fresh[j]);
                    if (kept < effort || item < candidates[kept - 1])
                    {
                        at = Math.Min(at, WalkState.Insert(candidates, ref kept, effort, item));
                    }
                }
            }
        }
    }

    // Links come from files: one that leads nowhere ends the list.
    private static int NotSeen(int* links, int most, int count, ushort* seen, ushort stamp, int* fresh)
    {
        var found = 0;
        for (var i = 0; i < most; i++)
        {
            var link = links[i];
            if ((uint)link >= (uint)count)
            {
                break;
            }

            fresh[found] = link;
            found += seen[link] == stamp ? 0 : 1;
            seen[link] = stamp;
        }

        return found;
    }

    private static void Prefetch(byte* code)
    {
        if (Sse.IsSupported)
        {
            Sse.Prefetch0(code);
        }
    }
}
