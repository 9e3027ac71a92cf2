namespace Abi.Llm.Grammars;

/// <summary>The rules of a grammar, the first place to begin, and what they are called where errors name them.</summary>
internal sealed class GrammarRules
{
    private readonly List<GrammarNode> _rules = [];
    private readonly List<string> _names = [];
    private readonly List<(int Line, int Column)> _positions = [];

    /// <summary>The rule to begin with.</summary>
    public int Root { get; set; }

    public int Count => _rules.Count;

    public GrammarNode this[int rule]
    {
        get => _rules[rule];
        set => _rules[rule] = value;
    }

    /// <summary>Adds a rule whose body may follow later; until then it is nothing.</summary>
    public int Add(string name, GrammarNode? body = null, int line = 0, int column = 0)
    {
        if (_rules.Count == GrammarLimits.Rules)
        {
            throw new GrammarException($"The grammar has more than {GrammarLimits.Rules} rules; make it smaller.", line, column);
        }

        _rules.Add(body ?? GrammarNode.Nothing);
        _names.Add(name);
        _positions.Add((line, column));
        return _rules.Count - 1;
    }

    public string NameOf(int rule) => _names[rule];

    public (int Line, int Column) PositionOf(int rule) => _positions[rule];

    public void SetPosition(int rule, int line, int column) => _positions[rule] = (line, column);
}
