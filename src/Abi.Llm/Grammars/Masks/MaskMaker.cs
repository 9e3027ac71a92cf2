using Abi.Llm.Grammars.Automata;

namespace Abi.Llm.Grammars.Masks;

/// <summary>
/// Finds the tokens that may follow a state. What a token does within a rule does not depend on the stack below the rule, so that part is found once for each place in a
/// rule and kept; only tokens that leave their rule are tried against the stack (the idea of "XGrammar", Dong et al. 2024, on stacks that are sets).
/// </summary>
/// <remarks>For one thread at a time.</remarks>
internal sealed class MaskMaker
{
    private readonly StateSpace _space;
    private readonly TokenTrie _trie;
    private readonly bool _isComplete;
    private readonly CompletionPlanner _planner;
    private readonly PushdownState[] _path; // [longest token + 1]
    private readonly ulong[] _bits;         // [vocabulary / 64]
    private readonly ulong[] _inner;        // [vocabulary / 64]
    private readonly List<int> _exits = [];
    private long _greatest;

    public MaskMaker(StateSpace space, TokenTrie trie, bool isComplete, CompletionPlanner planner)
    {
        _space = space;
        _trie = trie;
        _isComplete = isComplete;
        _planner = planner;
        _path = new PushdownState[trie.LongestToken + 1];
        _bits = new ulong[(trie.VocabularySize + 63) / 64];
        _inner = new ulong[_bits.Length];
    }

    /// <summary>The bytes that masks take.</summary>
    public long Bytes { get; private set; }

    /// <summary>The tokens that may follow, end-of-generation tokens not among them.</summary>
    public TokenMask MaskOf(PushdownState state)
    {
        if (!_isComplete)
        {
            return state.Mask ??= Keep(MakeExact(state));
        }

        var clamped = _space.Clamp(state);
        return clamped.Mask ??= Keep(Make(clamped));
    }

    /// <summary>The most bytes to the end after a token that the mask allows.</summary>
    public long GreatestDistance(PushdownState state, TokenMask mask)
    {
        var clamped = _isComplete ? _space.Clamp(state) : state;
        long difference = 0;
        if (clamped != state)
        {
            // counters that were cut differ by the same amount before and after a token
            for (var i = 0; i < state.Nodes.Length; i++)
            {
                var least = _space.Clamp(state.Stacks[i]).Distance;
                difference = Math.Max(difference, state.Stacks[i].Distance - least);
            }
        }

        return PushdownNode.Add(mask.GreatestDistance, difference);
    }

    /// <summary>The tokens after which a text can end within some more tokens.</summary>
    /// <param name="state">The state.</param>
    /// <param name="left">How many tokens may come after the next one.</param>
    /// <param name="bits">Receives the tokens: [vocabulary / 64].</param>
    /// <returns>How many there are.</returns>
    public int Narrow(PushdownState state, int left, Span<ulong> bits)
    {
        bits.Clear();
        var count = 0;
        _path[0] = state;
        for (var node = 1; node < _trie.Labels.Length;)
        {
            var depth = _trie.Depths[node];
            var next = _space.Step(_path[depth - 1], _trie.Labels[node]);
            if (next.IsDead || next.Distance - (_trie.LongestToken - depth) > Math.Max(left, (long)left * _trie.LongestToken))
            {
                node = _trie.Ends[node];
                continue;
            }

            _path[depth] = next;
            if (_trie.HasTokens(node) && Fits(next, left))
            {
                foreach (var id in _trie.TokensAt(node))
                {
                    bits[id >> 6] |= 1UL << id;
                    count++;
                }
            }

            node++;
        }

        for (var i = 0; i < state.Nodes.Length; i++)
        {
            foreach (var id in TokensOf(state.Nodes[i]))
            {
                if ((bits[id >> 6] >> id & 1) == 0 && Fits(_space.StepToken(state, id), left))
                {
                    bits[id >> 6] |= 1UL << id;
                    count++;
                }
            }
        }

        return count;
    }

    private bool Fits(PushdownState state, int left) => (_isComplete && state.Distance <= left) || _planner.PlanOf(state) <= left;

    private TokenMask Keep(TokenMask mask)
    {
        Bytes += mask.ByteLength;
        return mask;
    }

    private TokenMask MakeExact(PushdownState state)
    {
        Array.Clear(_bits);
        _greatest = 0;
        _path[0] = state;
        for (var node = 1; node < _trie.Labels.Length;)
        {
            var depth = _trie.Depths[node];
            var next = _space.Step(_path[depth - 1], _trie.Labels[node]);
            if (next.IsDead)
            {
                node = _trie.Ends[node];
                continue;
            }

            _path[depth] = next;
            if (_trie.HasTokens(node) && _planner.PlanOf(next) < int.MaxValue)
            {
                Mark(node, _bits);
                _greatest = Math.Max(_greatest, _planner.PlanOf(next));
            }

            node++;
        }

        for (var i = 0; i < state.Nodes.Length; i++)
        {
            foreach (var id in TokensOf(state.Nodes[i]))
            {
                var plan = _planner.PlanOf(_space.StepToken(state, id));
                if (plan < int.MaxValue)
                {
                    _bits[id >> 6] |= 1UL << id;
                    _greatest = Math.Max(_greatest, plan);
                }
            }
        }

        return new TokenMask(_bits, _greatest);
    }

    private TokenMask Make(PushdownState state)
    {
        // the parts first: each may fill the scratch
        var parts = Parts(state);
        foreach (var (symbolic, _) in parts)
        {
            symbolic.Symbolic ??= MakeSymbolic(symbolic);
        }

        Array.Clear(_bits);
        _greatest = 0;
        foreach (var (symbolic, rest) in parts)
        {
            var known = symbolic.Symbolic!;
            _greatest = Math.Max(_greatest, PushdownNode.Add(known.GreatestDistance, rest.Distance));
            System.Numerics.Tensors.TensorPrimitives.BitwiseOr<ulong>(_bits, known.Bits, _bits);
            if (known.Exits.Length == 0 || rest.Frames.Length == 0)
            {
                continue;
            }

            var after = _space.Return(rest);
            if (!after.IsFinal)
            {
                foreach (var exit in known.Exits)
                {
                    Walk(exit, after, _bits, null);
                }
            }
        }

        for (var i = 0; i < state.Nodes.Length; i++)
        {
            var node = _space.Automaton.Nodes[state.Nodes[i]];
            if (node.Kind == NodeKind.Tokens)
            {
                _greatest = Math.Max(_greatest, PushdownNode.Add(_space.Automaton.Nodes[node.Next].Distance, state.Stacks[i].Distance));
                foreach (var id in TokensOf(state.Nodes[i]))
                {
                    _bits[id >> 6] |= 1UL << id;
                }
            }
        }

        return new TokenMask(_bits, _greatest);
    }

    /// <summary>The state cut by the stacks that lie under its rules: each part over an unknown stack, and the stacks.</summary>
    private List<(PushdownState Symbolic, StackSet Below)> Parts(PushdownState state)
    {
        List<(PushdownState, StackSet)> parts = [];
        var tops = new StackSet[state.Nodes.Length];
        var rests = new StackSet[state.Nodes.Length];
        for (var i = 0; i < tops.Length; i++)
        {
            (tops[i], rests[i]) = _space.Peel(state.Stacks[i]);
        }

        List<int> nodes = [];
        List<StackSet> stacks = [];
        for (var i = 0; i < tops.Length; i++)
        {
            if (Array.IndexOf(rests, rests[i]) < i)
            {
                continue;
            }

            nodes.Clear();
            stacks.Clear();
            for (var j = i; j < tops.Length; j++)
            {
                if (rests[j] == rests[i])
                {
                    nodes.Add(state.Nodes[j]);
                    stacks.Add(tops[j]);
                }
            }

            parts.Add((_space.Place(System.Runtime.InteropServices.CollectionsMarshal.AsSpan(nodes), System.Runtime.InteropServices.CollectionsMarshal.AsSpan(stacks)), rests[i]));
        }

        return parts;
    }

    private SymbolicMask MakeSymbolic(PushdownState state)
    {
        Array.Clear(_inner);
        _exits.Clear();
        _greatest = 0;
        Walk(0, state, _inner, _exits);
        Bytes += (8L * _inner.Length) + (4L * _exits.Count) + 64;
        return new SymbolicMask([.. _inner], [.. _exits], _greatest);
    }

    /// <summary>Tries every token below a node of the tree.</summary>
    private void Walk(int root, PushdownState state, ulong[] bits, List<int>? exits)
    {
        var (labels, ends, depths, path) = (_trie.Labels, _trie.Ends, _trie.Depths, _path);
        var classes = _space.Automaton.ClassOf;
        var end = ends[root];
        path[depths[root]] = state;
        for (var node = root + 1; node < end;)
        {
            var depth = depths[node];
            var label = labels[node];
            var before = path[depth - 1];
            var next = before.IsFinal ? _space.Dead : before.Next?[classes[label]] ?? _space.Step(before, label);
            if (next.IsDead)
            {
                node = ends[node];
                continue;
            }

            path[depth] = next;
            if (_trie.HasTokens(node))
            {
                Mark(node, bits);
                _greatest = Math.Max(_greatest, next.Distance);
            }

            if (next.IsReturning && exits is not null && node + 1 < ends[node])
            {
                exits.Add(node);
            }

            node++;
        }
    }

    private void Mark(int node, ulong[] bits)
    {
        foreach (var id in _trie.TokensAt(node))
        {
            bits[id >> 6] |= 1UL << id;
        }
    }

    private IEnumerable<int> TokensOf(int index)
    {
        var node = _space.Automaton.Nodes[index];
        return node.Kind != NodeKind.Tokens ? [] : node.IsNegated ? _trie.Ids.Except(node.TokenIds) : node.TokenIds.Except(_trie.EndIds);
    }
}
