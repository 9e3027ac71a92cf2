using System.Globalization;
using System.Text;
using Abi.Llm.Grammars.Regular;

namespace Abi.Llm.Grammars.Gbnf;

/// <summary>Reads GBNF, the grammar notation of llama.cpp.</summary>
internal sealed class GbnfParser
{
    private readonly string _text;
    private readonly Dictionary<string, int> _names = new(StringComparer.Ordinal);
    private readonly Dictionary<int, int> _uses = []; // rule → where it is first used
    private readonly HashSet<int> _defined = [];
    private readonly GrammarRules _rules = new();
    private int _at;
    private int _depth;
    private int _line = 1;  // of the place whose position was asked for last
    private int _lineStart; // where that line begins
    private int _counted;   // that place

    private GbnfParser(string text) => _text = text;

    private char Current => _at < _text.Length ? _text[_at] : '\0';

    private bool IsAtEnd => _at >= _text.Length;

    public static GrammarRules Parse(string text, string root)
    {
        if (text.Length > GrammarLimits.TextLength)
        {
            throw new GrammarException($"The grammar has {text.Length} characters; {GrammarLimits.TextLength} are the most.");
        }

        return new GbnfParser(text).Parse(root);
    }

    private GrammarRules Parse(string root)
    {
        SkipSpace(lines: true);
        while (!IsAtEnd)
        {
            ParseRule();
            SkipSpace(lines: true);
        }

        foreach (var (rule, position) in _uses.OrderBy(use => use.Value))
        {
            if (!_defined.Contains(rule))
            {
                throw GrammarException.At($"The rule '{_rules.NameOf(rule)}' is used but nowhere defined; add '{_rules.NameOf(rule)} ::= …'", _text, position);
            }
        }

        _rules.Root = _names.TryGetValue(root, out var index) && _defined.Contains(index)
            ? index
            : throw new GrammarException($"The grammar has no rule '{root}' to begin with; it defines {(_defined.Count == 0 ? "none" : string.Join(", ", _defined.Take(10).Select(_rules.NameOf)))}.");
        return _rules;
    }

    private void ParseRule()
    {
        var start = _at;
        var name = ParseName();
        var rule = RuleOf(name);
        var (line, column) = PositionOf(start);
        _rules.SetPosition(rule, line, column);
        if (!_defined.Add(rule))
        {
            throw Error($"The rule '{name}' is defined twice", start);
        }

        SkipSpace(lines: false);
        if (!_text.AsSpan(_at).StartsWith("::="))
        {
            throw Error($"Expected '::=' after the rule's name '{name}', found {Found()}");
        }

        _at += 3;
        SkipSpace(lines: true);
        _rules[rule] = ParseAlternatives(isNested: false);
        if (!IsAtEnd && Current is not ('\n' or '\r'))
        {
            throw Error($"Expected a new line or the end after the rule '{name}', found {Found()}");
        }
    }

    private GrammarNode ParseAlternatives(bool isNested)
    {
        if (++_depth > GrammarLimits.Nesting)
        {
            throw Error($"Groups are nested more than {GrammarLimits.Nesting} deep");
        }

        List<GrammarNode> options = [ParseSequence(isNested)];
        while (true)
        {
            if (Current != '|' && !isNested)
            {
                // a rule may go on with '|' on the next line
                var back = _at;
                SkipSpace(lines: true);
                if (Current != '|')
                {
                    _at = back;
                }
            }

            if (Current != '|')
            {
                break;
            }

            _at++;
            SkipSpace(lines: true);
            options.Add(ParseSequence(isNested));
        }

        _depth--;
        return options.Count == 1 ? options[0] : new GrammarNode.Choice([.. options]);
    }

    private GrammarNode ParseSequence(bool isNested)
    {
        List<GrammarNode> parts = [];
        while (!IsAtEnd)
        {
            var start = _at;
            GrammarNode part;
            switch (Current)
            {
                case '"':
                    part = ParseLiteral();
                    break;
                case '[':
                    part = ParseClass();
                    break;
                case '.':
                    _at++;
                    part = new GrammarNode.Class(CodePointSet.None.ComplementWithin(Utf8Ranges.LenientLast), isLenient: true);
                    break;
                case '(':
                    _at++;
                    SkipSpace(lines: true);
                    part = ParseAlternatives(isNested: true);
                    if (Current != ')')
                    {
                        throw Error($"Expected ')' for the group that begins at column {ColumnOf(start)}, found {Found()}");
                    }

                    _at++;
                    break;
                case '<' or '!':
                    part = ParseToken();
                    break;
                case var c when IsNameCharacter(c):
                    var name = ParseName();
                    var rule = RuleOf(name);
                    _uses.TryAdd(rule, start);
                    part = new GrammarNode.Reference(rule);
                    break;
                case '*' or '+' or '?' or '{':
                    throw Error($"'{Current}' needs something before it to repeat");
                default:
                    return parts.Count == 1 ? parts[0] : new GrammarNode.Sequence([.. parts]);
            }

            SkipSpace(isNested);
            part = ParseRepetitions(part, isNested);
            parts.Add(part);
        }

        return parts.Count == 1 ? parts[0] : new GrammarNode.Sequence([.. parts]);
    }

    private GrammarNode ParseRepetitions(GrammarNode part, bool isNested)
    {
        for (var count = 0; Current is '*' or '+' or '?' or '{'; count++)
        {
            if (count == GrammarLimits.Nesting)
            {
                throw Error($"More than {GrammarLimits.Nesting} repetitions of one another");
            }

            var start = _at;
            var c = Current;
            _at++;
            int minimum;
            int? maximum;
            if (c == '{')
            {
                SkipSpace(isNested);
                minimum = ParseCount();
                SkipSpace(isNested);
                maximum = minimum;
                if (Current == ',')
                {
                    _at++;
                    SkipSpace(isNested);
                    maximum = char.IsAsciiDigit(Current) ? ParseCount() : null;
                    SkipSpace(isNested);
                }

                if (Current != '}')
                {
                    throw Error($"Expected '}}' or ',' in a repetition, found {Found()}");
                }

                _at++;
                if (maximum < minimum)
                {
                    throw Error($"The repetition {{{minimum},{maximum}}} has less at most than at least", start);
                }
            }
            else
            {
                (minimum, maximum) = c switch { '*' => (0, (int?)null), '+' => (1, null), _ => (0, 1) };
            }

            part = new GrammarNode.Repeat(part, minimum, maximum);
            SkipSpace(isNested);
        }

        return part;
    }

    private int ParseCount()
    {
        var start = _at;
        while (char.IsAsciiDigit(Current))
        {
            _at++;
        }

        if (_at == start)
        {
            throw Error($"Expected a number of repetitions, found {Found()}");
        }

        return int.TryParse(_text.AsSpan(start, _at - start), NumberStyles.None, CultureInfo.InvariantCulture, out var count) && count <= GrammarLimits.Repetitions
            ? count
            : throw Error($"{_text.AsSpan(start, Math.Min(_at - start, 30))} repetitions are more than {GrammarLimits.Repetitions}; use * or + for any number", start);
    }

    private GrammarNode.Literal ParseLiteral()
    {
        var start = _at++;
        var bytes = new List<byte>();
        Span<byte> utf8 = stackalloc byte[4];
        while (Current != '"' || IsAtEnd)
        {
            if (IsAtEnd)
            {
                throw Error("The text that begins here has no closing quote", start);
            }

            bytes.AddRange(utf8[..ParseCharacter("a text").EncodeToUtf8(utf8)]);
        }

        _at++;
        return new GrammarNode.Literal([.. bytes]);
    }

    private GrammarNode.Class ParseClass()
    {
        var start = _at++;
        var isNegated = Current == '^';
        if (isNegated)
        {
            _at++;
        }

        var ranges = new List<(int, int)>();
        while (Current != ']' || IsAtEnd)
        {
            if (IsAtEnd)
            {
                throw Error("The class that begins here has no closing ']'", start);
            }

            var at = _at;
            var first = ParseCharacter("a class").Value;
            var last = first;
            if (Current == '-' && _at + 1 < _text.Length && _text[_at + 1] != ']')
            {
                _at++;
                last = ParseCharacter("a class").Value;
                if (last < first)
                {
                    throw Error($"The range U+{first:X4} to U+{last:X4} runs backwards", at);
                }
            }

            ranges.Add((first, last));
        }

        _at++;
        if (ranges.Count == 0)
        {
            throw Error("A class needs at least one character", start);
        }

        var set = CodePointSet.Of([.. ranges]);
        return isNegated ? new GrammarNode.Class(set.ComplementWithin(Utf8Ranges.LenientLast), isLenient: true) : new GrammarNode.Class(set.Intersect(CodePointSet.All));
    }

    private GrammarNode.Token ParseToken()
    {
        var start = _at;
        var isNegated = Current == '!';
        if (isNegated)
        {
            _at++;
        }

        if (Current != '<')
        {
            throw Error($"Expected '<' of a token after '!', found {Found()}");
        }

        var begin = _at++;
        var close = _at + _text.AsSpan(_at).IndexOfAny('>', '\n', '\r');
        if (close < _at || _text[close] != '>')
        {
            throw Error("The token that begins here has no closing '>'", start);
        }

        var position = PositionOf(start);
        var inside = _text.AsSpan(_at, close - _at);
        _at = close + 1;
        if (inside.Length > 2 && inside[0] == '[' && inside[^1] == ']')
        {
            return int.TryParse(inside[1..^1], NumberStyles.None, CultureInfo.InvariantCulture, out var id)
                ? new GrammarNode.Token(id, null, isNegated, position)
                : throw Error($"'{inside}' is not the number of a token", start);
        }

        return new GrammarNode.Token(null, _text[begin..(close + 1)], isNegated, position);
    }

    private Rune ParseCharacter(string place)
    {
        var start = _at;
        if (Current != '\\')
        {
            if (Rune.DecodeFromUtf16(_text.AsSpan(_at), out var rune, out var length) != System.Buffers.OperationStatus.Done)
            {
                throw Error("Half a surrogate pair is no character");
            }

            _at += length;
            return rune;
        }

        _at++;
        var c = Current;
        _at++;
        switch (c)
        {
            case 'n':
                return new Rune('\n');
            case 'r':
                return new Rune('\r');
            case 't':
                return new Rune('\t');
            case '\\' or '"' or '[' or ']' or '-' or '^' or '/' or '\'':
                return new Rune(c);
            case 'x' or 'u' or 'U':
                var digits = c switch { 'x' => 2, 'u' => 4, _ => 8 };
                if (_at + digits > _text.Length || !uint.TryParse(_text.AsSpan(_at, digits), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var value))
                {
                    throw Error($"'\\{c}' needs {digits} hexadecimal digits", start);
                }

                _at += digits;
                return Rune.IsValid(value) ? new Rune(value) : throw Error($"U+{value:X4} is not a character", start);
            default:
                throw Error($"'\\{(start + 1 < _text.Length ? c : ' ')}' in {place} is no escape; known are \\n \\r \\t \\\\ \\\" \\[ \\] \\- \\^ \\x \\u \\U", start);
        }
    }

    private string ParseName()
    {
        var start = _at;
        while (IsNameCharacter(Current))
        {
            _at++;
        }

        return _at > start ? _text[start.._at] : throw Error($"Expected a rule's name, found {Found()}");
    }

    private int RuleOf(string name)
    {
        if (!_names.TryGetValue(name, out var rule))
        {
            rule = _rules.Add(name);
            _names.Add(name, rule);
        }

        return rule;
    }

    private void SkipSpace(bool lines)
    {
        while (!IsAtEnd)
        {
            var c = Current;
            if (c == '#')
            {
                while (!IsAtEnd && Current is not ('\n' or '\r'))
                {
                    _at++;
                }
            }
            else if (c is ' ' or '\t' || (lines && c is '\n' or '\r') || (_at == 0 && c == '\uFEFF'))
            {
                _at++;
            }
            else
            {
                return;
            }
        }
    }

    private static bool IsNameCharacter(char c) => char.IsAsciiLetterOrDigit(c) || c is '-' or '_';

    private string Found() => IsAtEnd ? "the end" : Current is '\n' or '\r' ? "the end of the line" : $"'{Current}'";

    /// <summary>The line and column of a place; places come in rising order, so the text is looked through once.</summary>
    private (int Line, int Column) PositionOf(int position)
    {
        for (int next; (next = _text.AsSpan(_counted, position - _counted).IndexOf('\n')) >= 0; _line++)
        {
            _counted += next + 1;
            _lineStart = _counted;
        }

        _counted = position;
        return (_line, position - _lineStart + 1);
    }

    private int ColumnOf(int position) => position - _text.LastIndexOf('\n', Math.Max(0, position - 1));

    private GrammarException Error(string message, int position = -1) => GrammarException.At(message, _text, position < 0 ? _at : position);
}
