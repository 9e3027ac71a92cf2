namespace Abi.Llm.Chat.Jinja;

/// <summary>Makes the tree of a template out of its tokens, with Jinja 3's grammar and precedence. Statements and expressions are in the other parts.</summary>
internal sealed partial class JinjaParser
{
    private readonly List<JinjaToken> _tokens;
    private readonly JinjaLimits _limits;
    private readonly List<JinjaNames> _allNames = [];

    /// <summary>Filters and tests that do not exist; an error unless a branch that may never be taken holds them.</summary>
    private readonly List<JinjaException> _unknown = [];
    private readonly Dictionary<string, NamedBlockStatement?> _blocks = new(StringComparer.Ordinal);
    private JinjaNames _names;
    private int _position;
    private int _depth;

    private JinjaParser(List<JinjaToken> tokens, JinjaLimits limits)
    {
        _tokens = tokens;
        _limits = limits;
        _names = new JinjaNames(null);
        _allNames.Add(_names);
    }

    private JinjaToken Current => _tokens[_position];

    private JinjaToken Next => _tokens[Math.Min(_position + 1, _tokens.Count - 1)];

    public static JinjaProgram Parse(string source, JinjaLimits limits)
    {
        var parser = new JinjaParser(JinjaLexer.Tokenize(source), limits);
        parser._names.Watch("self");
        var body = parser.Statements();
        parser.RefuseUnknown(0);
        foreach (var names in parser._allNames)
        {
            names.Complete();
        }

        return new JinjaProgram(body, parser._names, [.. parser._blocks.Values.OfType<NamedBlockStatement>()]);
    }

    /// <summary>Parses what has a scope of its own, which starts with these names.</summary>
    private (T Result, JinjaNames Names) InScope<T>(Func<T> parse, params IEnumerable<string> declared) => InScope(new JinjaNames(_names), parse, declared);

    private (T Result, JinjaNames Names) InScope<T>(JinjaNames names, Func<T> parse, params IEnumerable<string> declared)
    {
        var (outer, unknown) = (_names, _unknown.Count);
        _names = names;
        _allNames.Add(names);
        foreach (var name in declared)
        {
            names.Declare(name);
        }

        var result = parse();
        RefuseUnknown(unknown);
        _names = outer;
        return (result, names);
    }

    private void RefuseUnknown(int from)
    {
        if (_unknown.Count > from)
        {
            throw _unknown[from];
        }
    }

    private void Enter()
    {
        if (++_depth > _limits.Depth)
        {
            throw new JinjaException(JinjaErrorKind.Limit, $"The chat template nests deeper than {_limits.Depth}.", Current.Line);
        }
    }

    private bool IsOperator(string text) => Current.Kind == JinjaTokenKind.Operator && Current.Text == text;

    private bool IsName(string text) => Current.Kind == JinjaTokenKind.Name && Current.Text == text;

    private bool SkipOperator(string text)
    {
        var found = IsOperator(text);
        _position += found ? 1 : 0;
        return found;
    }

    private bool SkipName(string text)
    {
        var found = IsName(text);
        _position += found ? 1 : 0;
        return found;
    }

    private void ExpectOperator(string text)
    {
        if (!SkipOperator(text))
        {
            throw Error($"expected token '{text}', got '{Describe(Current)}'");
        }
    }

    private void ExpectName(string text)
    {
        if (!SkipName(text))
        {
            throw Error($"expected token '{text}', got '{Describe(Current)}'");
        }
    }

    private JinjaToken Expect(JinjaTokenKind kind, string what) =>
        Current.Kind == kind ? _tokens[_position++] : throw Error($"expected {what}, got '{Describe(Current)}'");

    private static string Describe(JinjaToken token) => token.Kind == JinjaTokenKind.End ? "end of template" : token.Text;

    private JinjaException Error(string message) => new(JinjaErrorKind.Syntax, message, Current.Line);
}
