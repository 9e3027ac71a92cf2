namespace Abi.Llm.Grammars.Regular;

/// <summary>A deterministic automaton over characters: the texts of an expression, or of several combined. Where no edge leads on, the text is not taken.</summary>
/// <remarks>Immutable.</remarks>
internal sealed class Dfa
{
    private readonly (CodePointSet Set, int Target)[][] _edges; // for each state, sets that do not overlap
    private readonly bool[] _accepting;

    internal Dfa((CodePointSet Set, int Target)[][] edges, bool[] accepting)
    {
        _edges = edges;
        _accepting = accepting;
    }

    /// <summary>Every text.</summary>
    public static Dfa All { get; } = new([[(CodePointSet.All, 0)]], [true]);

    public int Count => _edges.Length;

    /// <summary>The first state.</summary>
    public int Start => 0;

    /// <summary>Whether no text is taken.</summary>
    public bool IsEmpty => !Array.Exists(_accepting, accepting => accepting);

    public bool IsAccepting(int state) => _accepting[state];

    /// <summary>The texts of an expression.</summary>
    /// <param name="node">What <see cref="RegexParser"/> gave.</param>
    /// <param name="isSearch">Whether the expression may match anywhere in a text, or must match the whole.</param>
    public static Dfa Of(GrammarNode node, bool isSearch) => DfaBuilder.Build(node, isSearch);

    /// <summary>The texts in which a pattern of a JSON schema is found.</summary>
    public static Dfa OfPattern(string pattern) => Of(RegexParser.Parse(pattern), isSearch: true);

    /// <summary>Given texts.</summary>
    public static Dfa OfTexts(IEnumerable<string> texts) =>
        Of(new GrammarNode.Choice([.. texts.Select(text => (GrammarNode)new GrammarNode.Sequence([.. text.EnumerateRunes().Select(rune => new GrammarNode.Class(CodePointSet.Of((rune.Value, rune.Value))))]))]), isSearch: false);

    /// <summary>The texts of a number of characters.</summary>
    public static Dfa OfLength(int minimum, int? maximum) => Of(new GrammarNode.Repeat(new GrammarNode.Class(CodePointSet.All), minimum, maximum), isSearch: false);

    public Dfa Intersect(Dfa other) => Combine(other, static (a, b) => a && b);

    public Dfa Union(Dfa other) => Combine(other, static (a, b) => a || b);

    public Dfa Except(Dfa other) => Combine(other, static (a, b) => a && !b);

    public Dfa Complement() => All.Except(this);

    /// <summary>The same texts but for the empty one.</summary>
    public Dfa WithoutEmpty() => _accepting[0] ? Except(OfLength(0, 0)) : this;

    public bool Matches(string text)
    {
        var state = 0;
        foreach (var rune in text.EnumerateRunes())
        {
            var edge = Array.Find(_edges[state], edge => edge.Set.Contains(rune.Value));
            if (edge.Set is null)
            {
                return false;
            }

            state = edge.Target;
        }

        return _accepting[state];
    }

    /// <summary>The edges of a state, one for each target.</summary>
    public IEnumerable<(int Target, CodePointSet Set)> EdgesByTarget(int state) =>
        _edges[state].GroupBy(edge => edge.Target).Select(group => (group.Key, group.Select(edge => edge.Set).Aggregate((a, b) => a.Union(b))));

    /// <summary>The product of two automata; -1 stands for "taken by this one no more".</summary>
    private Dfa Combine(Dfa other, Func<bool, bool, bool> accepts)
    {
        var known = new Dictionary<(int, int), int>();
        var queue = new List<(int A, int B)>();
        var edges = new List<(CodePointSet, int)[]>();
        var accepting = new List<bool>();
        StateOf(0, 0);
        for (var i = 0; i < queue.Count; i++)
        {
            var (a, b) = queue[i];
            var found = new List<(CodePointSet, int)>();
            var left = With(a < 0 ? [] : _edges[a]);
            var right = With(b < 0 ? [] : other._edges[b]);
            AutomatonWork.Count(4 + (left.Count * right.Count)); // a state takes more than an edge
            foreach (var (leftSet, leftTarget) in left)
            {
                foreach (var (rightSet, rightTarget) in right)
                {
                    var set = (leftTarget, rightTarget) is (-1, -1) ? CodePointSet.None : leftSet.Intersect(rightSet);
                    if (!set.IsEmpty && CanAccept(leftTarget, rightTarget))
                    {
                        found.Add((set, StateOf(leftTarget, rightTarget)));
                    }
                }
            }

            edges.Add([.. found]);
            accepting.Add(accepts(a >= 0 && _accepting[a], b >= 0 && other._accepting[b]));
        }

        return new Dfa([.. edges], [.. accepting]).Trim();

        static List<(CodePointSet Set, int Target)> With((CodePointSet Set, int Target)[] edges)
        {
            var rest = CodePointSet.All;
            foreach (var (set, _) in edges)
            {
                rest = rest.Except(set);
            }

            return rest.IsEmpty ? [.. edges] : [.. edges, (rest, -1)];
        }

        bool CanAccept(int a, int b) => accepts(a >= 0, b >= 0) || accepts(a >= 0, false) || accepts(false, b >= 0);

        int StateOf(int a, int b)
        {
            if (!known.TryGetValue((a, b), out var state))
            {
                state = queue.Count;
                if (state == GrammarLimits.ExpressionStates)
                {
                    throw new GrammarException($"Combined expressions need more than {GrammarLimits.ExpressionStates} states; make them or their bounds smaller.");
                }

                known.Add((a, b), state);
                queue.Add((a, b));
            }

            return state;
        }
    }

    /// <summary>Without the states from which no text is taken.</summary>
    internal Dfa Trim()
    {
        var sources = new List<int>[Count];
        for (var state = 0; state < Count; state++)
        {
            foreach (var (_, target) in _edges[state])
            {
                (sources[target] ??= []).Add(state);
            }
        }

        var isLive = new bool[Count];
        var queue = new Queue<int>();
        for (var state = 0; state < Count; state++)
        {
            if (_accepting[state])
            {
                isLive[state] = true;
                queue.Enqueue(state);
            }
        }

        while (queue.TryDequeue(out var state))
        {
            foreach (var source in sources[state] ?? [])
            {
                if (!isLive[source])
                {
                    isLive[source] = true;
                    queue.Enqueue(source);
                }
            }
        }

        isLive[0] = true;
        if (Array.TrueForAll(isLive, live => live))
        {
            return this;
        }

        var numbers = new int[Count];
        var next = 0;
        for (var state = 0; state < Count; state++)
        {
            numbers[state] = isLive[state] ? next++ : -1;
        }

        var edges = new (CodePointSet, int)[next][];
        var accepting = new bool[next];
        for (var state = 0; state < Count; state++)
        {
            if (isLive[state])
            {
                edges[numbers[state]] = [.. _edges[state].Where(edge => isLive[edge.Target]).Select(edge => (edge.Set, numbers[edge.Target]))];
                accepting[numbers[state]] = _accepting[state];
            }
        }

        return new Dfa(edges, accepting);
    }
}
