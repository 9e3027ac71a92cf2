using Abi.Llm.Grammars.Automata;

namespace Abi.Llm.Grammars.Masks;

/// <summary>Finds short ways to the end of a text in tokens of the vocabulary.</summary>
/// <remarks>For one thread at a time.</remarks>
internal sealed class CompletionPlanner
{
    private const int LongestPath = 100_000;
    private const int MostStates = 5_000;
    private const long MostSteps = 10_000_000;
    private readonly StateSpace _space;
    private readonly TokenTrie _trie;
    private readonly bool _isComplete;
    private readonly PushdownState[] _path; // [longest token + 1]

    public CompletionPlanner(StateSpace space, TokenTrie trie, bool isComplete)
    {
        _space = space;
        _trie = trie;
        _isComplete = isComplete;
        _path = new PushdownState[trie.LongestToken + 1];
    }

    /// <summary>
    /// The tokens of a short way to the end; the state after its first token knows of one that is shorter by one. <see cref="int.MaxValue"/> when there is none, or none
    /// was found within bounds.
    /// </summary>
    public int PlanOf(PushdownState state)
    {
        if (!state.IsPlanned)
        {
            state.IsPlanned = true;
            if (state.IsAccepting)
            {
                state.Plan = 0;
            }
            else if (!state.IsDead && _isComplete)
            {
                PlanShortestText(state);
            }
            else if (!state.IsDead)
            {
                Search(state, int.MaxValue);
            }
        }

        return state.Plan;
    }

    /// <summary>Looks for the fewest tokens of all, up to a limit, and notes what it finds in the states' plans.</summary>
    /// <returns>Whether the answer is certain.</returns>
    public bool Search(PushdownState start, int limit)
    {
        var queue = new PriorityQueue<PushdownState, (long Total, int Taken)>();
        var taken = new Dictionary<PushdownState, (int Count, PushdownState? From)>(ReferenceEqualityComparer.Instance) { [start] = (0, null) };
        var found = new HashSet<PushdownState>(ReferenceEqualityComparer.Instance);
        long steps = 0;
        queue.Enqueue(start, (0, 0));
        while (queue.TryDequeue(out var state, out var order))
        {
            var count = taken[state].Count;
            if (order.Taken > count)
            {
                continue;
            }

            if (state.IsAccepting)
            {
                for (PushdownState? step = state; step is not null; step = taken[step].From)
                {
                    step.Plan = Math.Min(step.Plan, count - taken[step].Count);
                    step.IsPlanned = true;
                }

                return true;
            }

            if (taken.Count > MostStates || steps > MostSteps)
            {
                return false;
            }

            found.Clear();
            steps += Expand(state, found);
            foreach (var next in found)
            {
                var total = count + 1 + ((next.Distance + _trie.LongestToken - 1) / Math.Max(1, _trie.LongestToken));
                if (total <= limit && !(next.IsPlanned && !_isComplete && next.Plan == int.MaxValue) && (!taken.TryGetValue(next, out var known) || known.Count > count + 1))
                {
                    taken[next] = (count + 1, state);
                    queue.Enqueue(next, (total, count + 1));
                }
            }
        }

        if (limit == int.MaxValue)
        {
            foreach (var state in taken.Keys)
            {
                state.IsPlanned = true; // from none of them is there a way
            }
        }

        return true;
    }

    /// <summary>The states after every token.</summary>
    private int Expand(PushdownState state, HashSet<PushdownState> found)
    {
        var steps = 0;
        _path[0] = state;
        for (var node = 1; node < _trie.Labels.Length; steps++)
        {
            var depth = _trie.Depths[node];
            var next = _space.Step(_path[depth - 1], _trie.Labels[node]);
            if (next.IsDead)
            {
                node = _trie.Ends[node];
                continue;
            }

            _path[depth] = next;
            if (_trie.HasTokens(node))
            {
                found.Add(next);
            }

            node++;
        }

        foreach (var index in state.Nodes)
        {
            var node = _space.Automaton.Nodes[index];
            if (node.Kind == NodeKind.Tokens)
            {
                foreach (var id in node.IsNegated ? _trie.Ids.Except(node.TokenIds).Take(1) : node.TokenIds.Except(_trie.EndIds))
                {
                    found.Add(_space.StepToken(state, id));
                }
            }
        }

        found.Remove(_space.Dead);
        return steps;
    }

    /// <summary>Spells the shortest text with the fewest tokens.</summary>
    private void PlanShortestText(PushdownState start)
    {
        List<PushdownState> states = [start];
        List<int> bytes = []; // a byte, or -1 for a whole token
        var state = start;
        while (!state.IsAccepting)
        {
            if (bytes.Count == LongestPath || state.IsDead)
            {
                start.Plan = (int)Math.Min(int.MaxValue, start.Distance);
                return;
            }

            (state, var value) = StepNearer(state);
            states.Add(state);
            bytes.Add(value);
        }

        var count = bytes.Count;
        var fewest = new int[count + 1];
        var from = new int[count + 1];
        Array.Fill(fewest, int.MaxValue);
        fewest[0] = 0;
        for (var i = 0; i < count; i++)
        {
            if (fewest[i] == int.MaxValue)
            {
                continue;
            }

            if (bytes[i] < 0)
            {
                Offer(i + 1, i);
                continue;
            }

            var node = 0;
            for (var j = i; j < count && bytes[j] >= 0 && (node = _trie.Child(node, (byte)bytes[j])) >= 0; j++)
            {
                if (_trie.HasTokens(node))
                {
                    Offer(j + 1, i);
                }
            }
        }

        for (var i = count; ; i = from[i])
        {
            states[i].Plan = Math.Min(states[i].Plan, fewest[count] - fewest[i]);
            if (i == 0)
            {
                return;
            }
        }

        void Offer(int to, int at)
        {
            if (fewest[at] + 1 < fewest[to])
            {
                fewest[to] = fewest[at] + 1;
                from[to] = at;
            }
        }
    }

    private (PushdownState State, int Byte) StepNearer(PushdownState state)
    {
        var nodes = _space.Automaton.Nodes;
        for (var i = 0; i < state.Nodes.Length; i++)
        {
            var node = nodes[state.Nodes[i]];
            if (PushdownNode.Add(node.Distance, state.Stacks[i].Distance) != state.Distance)
            {
                continue;
            }

            if (node.Kind == NodeKind.Tokens)
            {
                var id = node.IsNegated ? _trie.Ids.Except(node.TokenIds).First() : node.TokenIds[0];
                return (_space.StepToken(state, id), -1);
            }

            foreach (var edge in node.Edges)
            {
                if (nodes[edge.Target].Distance + 1 == node.Distance)
                {
                    return (_space.Step(state, edge.First), edge.First);
                }
            }
        }

        throw new InvalidOperationException("A state has no way to its end.");
    }
}
