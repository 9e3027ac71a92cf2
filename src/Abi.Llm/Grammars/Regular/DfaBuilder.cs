namespace Abi.Llm.Grammars.Regular;

/// <summary>Makes an expression deterministic: a nondeterministic automaton first, then its reachable sets of states.</summary>
internal sealed class DfaBuilder
{
    private const int MostNodes = 400_000;
    private const long MostWork = 5_000_000;
    private readonly List<(CodePointSet? Set, int Target)[]> _nodes = [[]]; // node 0 is the end; a null set takes nothing
    private readonly HashSet<int> _begins = []; // nodes that are passed only before the first character
    private readonly HashSet<int> _ends = [];   // nodes that are passed only after the last one
    private long _work;

    public static Dfa Build(GrammarNode node, bool isSearch)
    {
        var builder = new DfaBuilder();
        if (!isSearch)
        {
            return builder.Determine(builder.Lower(node, 0));
        }

        var any = new GrammarNode.Repeat(new GrammarNode.Class(CodePointSet.All), 0, null);
        return builder.Determine(builder.Lower(new GrammarNode.Sequence([any, node, any]), 0));
    }

    private int Lower(GrammarNode node, int next)
    {
        Count(1); // repetitions of nothing add no nodes
        switch (node)
        {
            case GrammarNode.Class set:
                return Add([(set.Set, next)]);
            case GrammarNode.Sequence sequence:
                for (var i = sequence.Parts.Length - 1; i >= 0; i--)
                {
                    next = Lower(sequence.Parts[i], next);
                }

                return next;
            case GrammarNode.Choice choice:
                return Add([.. choice.Options.Select(option => ((CodePointSet?)null, Lower(option, next)))]);
            case GrammarNode.Anchor anchor:
                var passed = Add([(null, next)]);
                (anchor.IsEnd ? _ends : _begins).Add(passed);
                return passed;
            case GrammarNode.Repeat repeat:
                var end = next;
                if (repeat.Maximum is { } maximum)
                {
                    for (var i = maximum; i > repeat.Minimum; i--)
                    {
                        next = Add([(null, Lower(repeat.Body, next)), (null, end)]);
                    }
                }
                else
                {
                    var loop = Add([]);
                    _nodes[loop] = [(null, Lower(repeat.Body, loop)), (null, next)];
                    next = loop;
                }

                for (var i = 0; i < repeat.Minimum; i++)
                {
                    next = Lower(repeat.Body, next);
                }

                return next;
            case GrammarNode.Literal { Bytes.Length: 0 }:
                return next;
            default:
                throw new InvalidOperationException($"A {node.GetType().Name} cannot stand in an expression.");
        }
    }

    private Dfa Determine(int start)
    {
        var known = new Dictionary<string, int>(StringComparer.Ordinal);
        var sets = new List<int[]>();
        var edges = new List<(CodePointSet, int)[]>();
        var accepting = new List<bool>();
        StateOf([start], isFirst: true);
        for (var i = 0; i < sets.Count; i++)
        {
            edges.Add(Edges(sets[i]));
        }

        return new Dfa([.. edges], [.. accepting]).Trim();

        (CodePointSet, int)[] Edges(int[] nodes)
        {
            // between two neighbouring bounds all characters lead to the same nodes
            var byTargets = new Dictionary<string, (List<(int, int)> Ranges, int[] Targets)>(StringComparer.Ordinal);
            var events = new List<(int At, bool Opens, int Target)>();
            foreach (var node in nodes)
            {
                foreach (var (set, target) in _nodes[node])
                {
                    foreach (var (first, last) in set is null ? [] : set.Ranges)
                    {
                        events.Add((first, true, target));
                        events.Add((last + 1, false, target));
                    }
                }
            }

            Count(events.Count);
            events.Sort();
            var open = new SortedDictionary<int, int>();
            for (var e = 0; e < events.Count;)
            {
                var at = events[e].At;
                for (; e < events.Count && events[e].At == at; e++)
                {
                    var (_, opens, target) = events[e];
                    open.TryGetValue(target, out var count);
                    count += opens ? 1 : -1;
                    if (count == 0)
                    {
                        open.Remove(target);
                    }
                    else
                    {
                        open[target] = count;
                    }
                }

                if (open.Count > 0)
                {
                    Count(open.Count);
                    var key = string.Join(',', open.Keys);
                    if (!byTargets.TryGetValue(key, out var entry))
                    {
                        entry = ([], [.. open.Keys]);
                        byTargets.Add(key, entry);
                    }

                    entry.Ranges.Add((at, events[e].At - 1));
                }
            }

            return [.. byTargets.Values.Select(entry => (CodePointSet.Of([.. entry.Ranges]), StateOf(entry.Targets, isFirst: false)))];
        }

        int StateOf(int[] targets, bool isFirst)
        {
            // before the first character a beginning may still follow an end
            var closed = Close(targets, isFirst, isLast: false);
            var key = (isFirst && _begins.Count > 0 && _ends.Count > 0 ? "^" : "") + string.Join(',', closed);
            if (!known.TryGetValue(key, out var state))
            {
                state = sets.Count;
                if (state == GrammarLimits.ExpressionStates)
                {
                    throw TooLarge();
                }

                // what stands after an end is only seen when the text ends here
                known.Add(key, state);
                sets.Add(closed);
                accepting.Add(Array.BinarySearch(Close(targets, isFirst, isLast: true), 0) >= 0);
            }

            return state;
        }
    }

    private int[] Close(int[] targets, bool isFirst, bool isLast)
    {
        var found = new HashSet<int>(targets);
        var pending = new Stack<int>(targets);
        while (pending.TryPop(out var node))
        {
            Count(1);
            if ((_begins.Contains(node) && !isFirst) || (_ends.Contains(node) && !isLast))
            {
                continue;
            }

            foreach (var (set, target) in _nodes[node])
            {
                if (set is null && found.Add(target))
                {
                    pending.Push(target);
                }
            }
        }

        var closed = found.ToArray();
        Array.Sort(closed);
        return closed;
    }

    private int Add((CodePointSet? Set, int Target)[] moves)
    {
        if (_nodes.Count == MostNodes)
        {
            throw TooLarge();
        }

        _nodes.Add(moves);
        return _nodes.Count - 1;
    }

    private void Count(int work)
    {
        AutomatonWork.Count(work);
        _work += work;
        if (_work > MostWork)
        {
            throw TooLarge();
        }
    }

    private static GrammarException TooLarge() => new($"The expression needs more than {GrammarLimits.ExpressionStates} states; make its repetitions smaller, or give it as a whole with ^ and $.");
}
