namespace Abi.Llm.Grammars.Automata;

/// <summary>Which rules are small and not recursive, so that they can be written into the place that uses them.</summary>
internal sealed class RuleShapes
{
    private const int LargestInlined = 400;
    private readonly GrammarRules _rules;
    private readonly int[] _order; // [rules]: callees first
    private readonly bool[] _isRecursive;
    private readonly long[] _sizes;
    private readonly int[] _depths;

    public RuleShapes(GrammarRules rules)
    {
        _rules = rules;
        _isRecursive = new bool[rules.Count];
        _sizes = new long[rules.Count];
        _depths = new int[rules.Count];
        _order = new int[rules.Count];
        FindComponents();
        foreach (var rule in _order)
        {
            (_sizes[rule], _depths[rule]) = Measure(rules[rule]);
        }
    }

    /// <summary>Whether a use of the rule becomes a copy of it.</summary>
    public bool IsInlined(int rule) => rule < _sizes.Length && !_isRecursive[rule] && _sizes[rule] <= LargestInlined && _depths[rule] <= GrammarLimits.Nesting;

    /// <summary>About how many nodes a piece takes.</summary>
    public long SizeOf(GrammarNode node) => Measure(node).Size;

    private (long Size, int Depth) Measure(GrammarNode node)
    {
        switch (node)
        {
            case GrammarNode.Literal literal:
                return (literal.Bytes.Length, 1);
            case GrammarNode.Class set:
                return (set.Set.Ranges.Length < 2 && set.Set.Ranges is [var only] && only.Last < 0x80 ? 1 : 1 + (2 * set.Set.Ranges.Length), 1);
            case GrammarNode.Expression expression:
                return (expression.Automaton.Count * (expression.IsJson ? 40L : 4L), 1);
            case GrammarNode.Repeat repeat:
                var (size, depth) = Measure(repeat.Body);
                return (1 + (size * (repeat.Maximum ?? repeat.Minimum) <= PushdownBuilder.LargestCopies ? size * Math.Max(1, repeat.Maximum ?? repeat.Minimum) : size + 1), depth + 1);
            case GrammarNode.Reference reference:
                return IsInlined(reference.Rule) ? (_sizes[reference.Rule], _depths[reference.Rule] + 1) : (1, 1);
            case GrammarNode.Sequence sequence:
                return Sum(sequence.Parts);
            case GrammarNode.Choice choice:
                return Sum(choice.Options);
            case GrammarNode.Until until:
                return (1000 + Measure(until.After).Size, 2);
            default:
                return (1, 1);
        }

        (long Size, int Depth) Sum(GrammarNode[] parts)
        {
            var (size, depth) = (1L, 0);
            foreach (var part in parts)
            {
                var (partSize, partDepth) = Measure(part);
                size += partSize;
                depth = Math.Max(depth, partDepth);
            }

            return (size, depth + 1);
        }
    }

    /// <summary>Tarjan's strongly connected components with a stack of its own, as chains of rules may be long.</summary>
    private void FindComponents()
    {
        var count = _rules.Count;
        var callees = new int[count][];
        for (var rule = 0; rule < count; rule++)
        {
            HashSet<int> found = [];
            Collect(_rules[rule], found);
            callees[rule] = [.. found];
            _isRecursive[rule] = found.Contains(rule);
        }

        var index = new int[count];
        var low = new int[count];
        var isOpen = new bool[count];
        var open = new Stack<int>();
        var path = new Stack<(int Rule, int Next)>();
        var (number, done) = (0, 0);
        for (var root = 0; root < count; root++)
        {
            if (index[root] != 0)
            {
                continue;
            }

            Enter(root);
            while (path.TryPop(out var top))
            {
                if (top.Next < callees[top.Rule].Length)
                {
                    path.Push((top.Rule, top.Next + 1));
                    var callee = callees[top.Rule][top.Next];
                    if (index[callee] == 0)
                    {
                        Enter(callee);
                    }
                    else if (isOpen[callee])
                    {
                        low[top.Rule] = Math.Min(low[top.Rule], index[callee]);
                    }

                    continue;
                }

                if (path.TryPeek(out var caller))
                {
                    low[caller.Rule] = Math.Min(low[caller.Rule], low[top.Rule]);
                }

                if (low[top.Rule] == index[top.Rule])
                {
                    var isLarge = open.Peek() != top.Rule;
                    int member;
                    do
                    {
                        member = open.Pop();
                        isOpen[member] = false;
                        _isRecursive[member] |= isLarge;
                        _order[done++] = member;
                    }
                    while (member != top.Rule);
                }
            }
        }

        void Enter(int rule)
        {
            index[rule] = low[rule] = ++number;
            isOpen[rule] = true;
            open.Push(rule);
            path.Push((rule, 0));
        }
    }

    private static void Collect(GrammarNode node, HashSet<int> found)
    {
        switch (node)
        {
            case GrammarNode.Reference reference:
                found.Add(reference.Rule);
                break;
            case GrammarNode.Repeat repeat:
                Collect(repeat.Body, found);
                break;
            case GrammarNode.Until until:
                Collect(until.After, found);
                break;
            case GrammarNode.Sequence sequence:
                foreach (var part in sequence.Parts)
                {
                    Collect(part, found);
                }

                break;
            case GrammarNode.Choice choice:
                foreach (var option in choice.Options)
                {
                    Collect(option, found);
                }

                break;
        }
    }
}
