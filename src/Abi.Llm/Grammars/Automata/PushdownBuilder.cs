using Abi.Llm.Grammars.Regular;
using Abi.Llm.Grammars.Schema;

namespace Abi.Llm.Grammars.Automata;

/// <summary>Lowers rules to a <see cref="Pushdown"/>. Pieces are built from the end to the beginning: each is given the node that follows it.</summary>
internal sealed class PushdownBuilder
{
    /// <summary>Repetitions that take up to so many nodes become copies; larger ones are counted.</summary>
    public const int LargestCopies = 200;

    private const int ReturnNode = 0;
    private readonly GrammarRules _rules;
    private readonly RuleShapes _shapes;
    private readonly SolidText _solid;
    private readonly Func<GrammarNode.Token, int[]> _tokens;
    private readonly bool[] _usable; // [256]
    private readonly List<PushdownNode> _nodes = [];
    private readonly Dictionary<int, int> _starts = [];
    private readonly Queue<(int Rule, int Start)> _pending = [];
    private int _rule;

    private PushdownBuilder(GrammarRules rules, bool[] usable, Func<GrammarNode.Token, int[]> tokens)
    {
        _rules = rules;
        _shapes = new RuleShapes(rules);
        _solid = new SolidText(rules);
        _usable = usable;
        _tokens = tokens;
    }

    /// <summary>Builds the automaton for a vocabulary.</summary>
    /// <param name="rules">The rules.</param>
    /// <param name="usable">For each byte whether the vocabulary has it: [256].</param>
    /// <param name="tokens">Gives the ids of a token by number or text.</param>
    /// <exception cref="GrammarException">The grammar is too large, begins with itself, or nothing is in it.</exception>
    public static Pushdown Build(GrammarRules rules, bool[] usable, Func<GrammarNode.Token, int[]> tokens)
    {
        var builder = new PushdownBuilder(rules, usable, tokens);
        builder.Add(new PushdownNode { Kind = NodeKind.Return, Distance = 0 });
        var start = builder.StartOf(rules.Root);
        while (builder._pending.TryDequeue(out var next))
        {
            builder._rule = builder._solid.Original(next.Rule);
            builder._nodes[next.Start].Targets = [builder.Lower(builder._solid.Body(next.Rule), ReturnNode)];
        }

        var nodes = builder._nodes.ToArray();
        NodeDistances.Compute(nodes);
        NodeDistances.RefuseLeftRecursion(nodes, rules);
        NodeDistances.Trim(nodes);
        return new Pushdown(nodes, start);
    }

    private int StartOf(int rule)
    {
        if (!_starts.TryGetValue(rule, out var start))
        {
            start = Add(new PushdownNode { Kind = NodeKind.Split, Rule = _solid.Original(rule) });
            _starts.Add(rule, start);
            _pending.Enqueue((rule, start));
        }

        return start;
    }

    private int Lower(GrammarNode node, int next)
    {
        switch (node)
        {
            case GrammarNode.Literal literal:
                return LowerBytes(literal.Bytes, next);
            case GrammarNode.Class set:
                return LowerClass(set, next);
            case GrammarNode.Sequence sequence:
                for (var i = sequence.Parts.Length - 1; i >= 0; i--)
                {
                    next = Lower(sequence.Parts[i], next);
                }

                return next;
            case GrammarNode.Choice choice:
                return LowerChoice(choice.Options, next);
            case GrammarNode.Repeat repeat:
                return LowerRepeat(repeat, next);
            case GrammarNode.Reference reference when _shapes.IsInlined(reference.Rule):
                return Lower(_rules[reference.Rule], next);
            case GrammarNode.Reference reference:
                return Add(new PushdownNode { Kind = NodeKind.Call, Rule = _rule, Callee = StartOf(reference.Rule), Next = next });
            case GrammarNode.Token token:
                return Add(new PushdownNode { Kind = NodeKind.Tokens, Rule = _rule, TokenIds = _tokens(token), IsNegated = token.IsNegated, Next = next });
            case GrammarNode.Expression expression:
                return LowerExpression(expression, next);
            case GrammarNode.Until until:
                return LowerUntil(until, next);
            default:
                throw new InvalidOperationException($"A {node.GetType().Name} cannot stand in a grammar.");
        }
    }

    private int LowerBytes(ReadOnlySpan<byte> bytes, int next)
    {
        for (var i = bytes.Length - 1; i >= 0; i--)
        {
            next = Bytes([new ByteEdge(bytes[i], bytes[i], next)]);
        }

        return next;
    }

    private int LowerClass(GrammarNode.Class set, int next)
    {
        List<ByteEdge> edges = [];
        var tails = new Dictionary<ulong, int>();
        Utf8Ranges.Cut(set.Set, set.IsLenient, bytes =>
        {
            var target = next;
            ulong key = 0;
            for (var i = bytes.Length - 1; i > 0; i--)
            {
                var (first, last) = bytes[i];
                key = (key << 16) | ((ulong)first << 8) | last;
                if (!tails.TryGetValue(key, out var tail))
                {
                    tail = Bytes([new ByteEdge(first, last, target)]);
                    tails.Add(key, tail);
                }

                target = tail;
            }

            edges.Add(new ByteEdge(bytes[0].First, bytes[0].Last, target));
        });
        return Bytes(edges);
    }

    private int LowerChoice(GrammarNode[] options, int next)
    {
        List<int> targets = [];
        List<byte[]> literals = [];
        foreach (var option in options)
        {
            if (option is GrammarNode.Literal literal)
            {
                literals.Add(literal.Bytes);
            }
            else
            {
                targets.Add(Lower(option, next));
            }
        }

        if (literals.Count > 0)
        {
            literals.Sort(static (a, b) => a.AsSpan().SequenceCompareTo(b));
            targets.Add(LowerLiterals(literals, 0, literals.Count, 0, next));
        }

        return targets.Count == 1 ? targets[0] : Split([.. targets]);
    }

    /// <summary>Literals that agree up to <paramref name="depth"/> as a tree, so that thousands of choices stay one way at a time.</summary>
    private int LowerLiterals(List<byte[]> literals, int from, int to, int depth, int next)
    {
        if (to - from == 1)
        {
            return LowerBytes(literals[from].AsSpan(depth), next);
        }

        var common = depth;
        while (common < literals[from].Length && literals[to - 1].Length > common && literals[from][common] == literals[to - 1][common])
        {
            common++;
        }

        var first = from;
        while (first < to && literals[first].Length == common)
        {
            first++;
        }

        List<ByteEdge> edges = [];
        for (var i = first; i < to;)
        {
            var value = literals[i][common];
            var end = i + 1;
            while (end < to && literals[end][common] == value)
            {
                end++;
            }

            edges.Add(new ByteEdge(value, value, LowerLiterals(literals, i, end, common + 1, next)));
            i = end;
        }

        var node = edges.Count > 0 ? Bytes(edges) : next;
        if (first > from && edges.Count > 0)
        {
            node = Split([node, next]);
        }

        return LowerBytes(literals[from].AsSpan(depth, common - depth), node);
    }

    private int LowerRepeat(GrammarNode.Repeat repeat, int next)
    {
        var (minimum, maximum) = (repeat.Minimum, repeat.Maximum);
        if (maximum == 0)
        {
            return next;
        }

        if (maximum is null && minimum <= 1)
        {
            var loop = Split([]);
            var body = Lower(repeat.Body, loop);
            _nodes[loop].Targets = [body, next];
            return minimum == 1 ? body : loop;
        }

        var size = Math.Max(1, _shapes.SizeOf(repeat.Body)); // nothing takes time, too
        if (maximum is { } most && (most == 1 || size * most <= LargestCopies))
        {
            var node = next;
            for (var i = most; i > 0; i--)
            {
                node = Lower(repeat.Body, node);
                if (i > minimum)
                {
                    node = Split([node, next]);
                }
            }

            return node;
        }

        var solid = repeat.Body;
        if (_solid.IsNullable(repeat.Body))
        {
            solid = _solid.Of(repeat.Body);
            minimum = 0;
        }

        var counted = new PushdownNode { Kind = NodeKind.Counted, Rule = _rule, Next = next, Minimum = minimum, Maximum = maximum ?? -1 };
        var index = Add(counted);
        counted.Callee = Lower(solid, ReturnNode);
        return index;
    }

    private int LowerExpression(GrammarNode.Expression expression, int next)
    {
        var automaton = expression.Automaton;
        var states = new int[automaton.Count];
        for (var state = 0; state < states.Length; state++)
        {
            states[state] = Split([]);
        }

        for (var state = 0; state < states.Length; state++)
        {
            List<int> targets = automaton.IsAccepting(state) ? [next] : [];
            foreach (var (target, set) in automaton.EdgesByTarget(state))
            {
                targets.Add(Lower(expression.IsJson ? JsonText.Character(set) : new GrammarNode.Class(set), states[target]));
            }

            _nodes[states[state]].Targets = [.. targets];
        }

        return states[automaton.Start];
    }

    /// <summary>The machine of Aho and Corasick over the triggers: every byte is taken, and when a trigger is complete what follows begins.</summary>
    private int LowerUntil(GrammarNode.Until until, int next)
    {
        var children = new List<Dictionary<byte, int>> { new() };
        var isTrigger = new List<bool> { false };
        foreach (var trigger in until.Triggers)
        {
            var at = 0;
            foreach (var value in trigger)
            {
                if (!children[at].TryGetValue(value, out var child))
                {
                    child = children.Count;
                    children.Add([]);
                    isTrigger.Add(false);
                    children[at].Add(value, child);
                }

                at = child;
            }

            isTrigger[at] = true;
        }

        var goes = new int[children.Count][];
        var fails = new int[children.Count];
        var queue = new Queue<int>([0]);
        while (queue.TryDequeue(out var state))
        {
            isTrigger[state] |= isTrigger[fails[state]];
            goes[state] = new int[256];
            for (var value = 0; value < 256; value++)
            {
                var fallback = state == 0 ? 0 : goes[fails[state]][value];
                if (children[state].TryGetValue((byte)value, out var child))
                {
                    fails[child] = fallback;
                    goes[state][value] = child;
                    queue.Enqueue(child);
                }
                else
                {
                    goes[state][value] = fallback;
                }
            }
        }

        var nodes = new int[children.Count];
        for (var state = 0; state < nodes.Length; state++)
        {
            nodes[state] = Split([]);
        }

        var after = Lower(until.After, until.IsRepeated ? nodes[0] : next);
        for (var state = 0; state < nodes.Length; state++)
        {
            var edges = new List<ByteEdge>();
            for (var value = 0; value < 256;)
            {
                var target = goes[state][value];
                var last = value;
                while (last < 255 && goes[state][last + 1] == target)
                {
                    last++;
                }

                edges.Add(new ByteEdge((byte)value, (byte)last, isTrigger[target] ? after : nodes[target]));
                value = last + 1;
            }

            _nodes[nodes[state]].Targets = [Bytes(edges), next];
        }

        return nodes[0];
    }

    private int Split(int[] targets) => Add(new PushdownNode { Kind = NodeKind.Split, Rule = _rule, Targets = targets });

    private int Bytes(List<ByteEdge> edges)
    {
        if (_usable.AsSpan().Contains(false))
        {
            edges = [.. edges.SelectMany(Usable)];
        }

        return Add(new PushdownNode { Kind = NodeKind.Bytes, Rule = _rule, Edges = [.. edges] });
    }

    private IEnumerable<ByteEdge> Usable(ByteEdge edge)
    {
        for (int value = edge.First; value <= edge.Last; value++)
        {
            var first = value;
            while (value <= edge.Last && _usable[value])
            {
                value++;
            }

            if (value > first)
            {
                yield return new ByteEdge((byte)first, (byte)(value - 1), edge.Target);
            }
        }
    }

    private int Add(PushdownNode node)
    {
        if (_nodes.Count == GrammarLimits.Nodes)
        {
            throw new GrammarException($"The grammar needs more than {GrammarLimits.Nodes} nodes; make it smaller, or its bounds.");
        }

        _nodes.Add(node);
        return _nodes.Count - 1;
    }
}
