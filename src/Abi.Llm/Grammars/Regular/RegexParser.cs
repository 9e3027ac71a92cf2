using System.Globalization;
using System.Text;

namespace Abi.Llm.Grammars.Regular;

/// <summary>Reads regular expressions in ECMAScript's syntax, as with its <c>u</c> flag: characters are code points.</summary>
internal sealed class RegexParser
{
    private static readonly CodePointSet Digits = CodePointSet.Of(('0', '9'));
    private static readonly CodePointSet Words = CodePointSet.Of(('0', '9'), ('A', 'Z'), ('_', '_'), ('a', 'z'));
    private static readonly CodePointSet Spaces = CodePointSet.Of((9, 13), (32, 32), (0xA0, 0xA0), (0x1680, 0x1680), (0x2000, 0x200A), (0x2028, 0x2029), (0x202F, 0x202F), (0x205F, 0x205F), (0x3000, 0x3000), (0xFEFF, 0xFEFF));
    private static readonly CodePointSet NotLineEnds = CodePointSet.Of((10, 10), (13, 13), (0x2028, 0x2029)).Complement();
    private readonly string _text;
    private int _at;
    private int _depth;

    private RegexParser(string text) => _text = text;

    private bool IsAtEnd => _at >= _text.Length;

    private char Current => IsAtEnd ? '\0' : _text[_at];

    public static GrammarNode Parse(string pattern)
    {
        if (pattern.Length > GrammarLimits.TextLength)
        {
            throw new GrammarException($"The expression has {pattern.Length} characters; {GrammarLimits.TextLength} are the most.");
        }

        var parser = new RegexParser(pattern);
        var node = parser.ParseOptions();
        return parser.IsAtEnd ? node : throw parser.Error($"'{parser.Current}' closes nothing; write '\\{parser.Current}' for the character");
    }

    private GrammarNode ParseOptions()
    {
        if (++_depth > GrammarLimits.Nesting)
        {
            throw Error($"Groups are nested more than {GrammarLimits.Nesting} deep");
        }

        List<GrammarNode> options = [ParseSequence()];
        while (Current == '|' && !IsAtEnd)
        {
            _at++;
            options.Add(ParseSequence());
        }

        _depth--;
        return options.Count == 1 ? options[0] : new GrammarNode.Choice([.. options]);
    }

    private GrammarNode ParseSequence()
    {
        List<GrammarNode> parts = [];
        while (!IsAtEnd && Current is not ('|' or ')'))
        {
            var start = _at;
            var part = ParseAtom();
            if (_text[start] is '^' or '$' && Current is '*' or '+' or '?' or '{' && !IsAtEnd)
            {
                throw Error("An anchor cannot be repeated", start);
            }

            parts.Add(ParseRepetition(part));
        }

        return parts.Count == 1 ? parts[0] : new GrammarNode.Sequence([.. parts]);
    }

    private GrammarNode ParseAtom()
    {
        var start = _at;
        switch (Current)
        {
            case '^':
                _at++;
                return new GrammarNode.Anchor(isEnd: false);
            case '$':
                _at++;
                return new GrammarNode.Anchor(isEnd: true);
            case '.':
                _at++;
                return new GrammarNode.Class(NotLineEnds);
            case '[':
                return new GrammarNode.Class(ParseClass());
            case '(':
                return ParseGroup();
            case '*' or '+' or '?':
                throw Error($"'{Current}' needs something before it to repeat");
            case '\\':
                if (_at + 1 < _text.Length && _text[_at + 1] is 'b' or 'B')
                {
                    throw Error($"The word boundary '\\{_text[_at + 1]}' cannot be honoured; spell out what stands beside it");
                }

                if (_at + 1 < _text.Length && (_text[_at + 1] is >= '1' and <= '9' or 'k'))
                {
                    throw Error($"The back-reference '\\{_text[_at + 1]}' cannot be honoured: no automaton can remember a group");
                }

                return new GrammarNode.Class(ParseEscape(inClass: false, out _));
            default:
                return new GrammarNode.Class(One(ParseRune(start)));
        }
    }

    private GrammarNode ParseGroup()
    {
        var start = _at++;
        if (Current == '?')
        {
            _at++;
            var kind = Current;
            var next = _at + 1 < _text.Length ? _text[_at + 1] : '\0';
            if (kind is '=' or '!' || (kind == '<' && next is '=' or '!'))
            {
                throw Error($"Look-{(kind == '<' ? "behind" : "ahead")} cannot be honoured; describe the texts that match instead", start);
            }

            if (kind == '<')
            {
                var close = _text.IndexOf('>', _at);
                _at = close > _at + 1 ? close + 1 : throw Error("The group's name has no end", start);
            }
            else if (kind == ':')
            {
                _at++;
            }
            else
            {
                throw Error($"'(?{kind}' is no group that can be honoured; known are (?:…) and (?<name>…)", start);
            }
        }

        var node = ParseOptions();
        if (Current != ')')
        {
            throw Error("The group that begins here has no closing ')'", start);
        }

        _at++;
        return node;
    }

    private GrammarNode ParseRepetition(GrammarNode part)
    {
        if (IsAtEnd)
        {
            return part;
        }

        var start = _at;
        var (minimum, maximum) = (0, (int?)null);
        switch (Current)
        {
            case '*':
                break;
            case '+':
                minimum = 1;
                break;
            case '?':
                maximum = 1;
                break;
            case '{':
                _at++;
                minimum = ParseCount();
                maximum = minimum;
                if (Current == ',')
                {
                    _at++;
                    maximum = Current == '}' ? null : ParseCount();
                }

                if (Current != '}')
                {
                    throw Error("A repetition is written {n}, {n,} or {n,m}; write '\\{' for the character", start);
                }

                break;
            default:
                return part;
        }

        _at++;
        if (Current == '?' && !IsAtEnd)
        {
            _at++; // lazy: the same texts
        }

        if (maximum < minimum)
        {
            throw Error($"The repetition {{{minimum},{maximum}}} has less at most than at least", start);
        }

        return !IsAtEnd && Current is '*' or '+' or '?' or '{' ? throw Error($"Nothing to repeat before '{Current}'") : new GrammarNode.Repeat(part, minimum, maximum);
    }

    private int ParseCount()
    {
        var start = _at;
        while (char.IsAsciiDigit(Current))
        {
            _at++;
        }

        return _at == start
            ? throw Error("Expected a number of repetitions")
            : int.TryParse(_text.AsSpan(start, _at - start), NumberStyles.None, CultureInfo.InvariantCulture, out var count) && count <= GrammarLimits.Repetitions
                ? count
                : throw Error($"More than {GrammarLimits.Repetitions} repetitions; use * or + for any number", start);
    }

    private CodePointSet ParseClass()
    {
        var start = _at++;
        var isNegated = Current == '^';
        if (isNegated)
        {
            _at++;
        }

        var set = new List<(int, int)>();
        while (true)
        {
            if (IsAtEnd)
            {
                throw Error("The class that begins here has no closing ']'", start);
            }

            if (Current == ']')
            {
                break;
            }

            var at = _at;
            var first = ParseMember(out var single);
            if (Current == '-' && _at + 1 < _text.Length && _text[_at + 1] != ']')
            {
                _at++;
                var second = ParseMember(out var last);
                if (single < 0 || last < 0)
                {
                    // [\w-.]: no range, so the hyphen is itself (ECMA-262, annex B.1.2)
                    set.AddRange([.. first.Ranges, ('-', '-'), .. second.Ranges]);
                }
                else if (last < single)
                {
                    throw Error($"The range U+{single:X4} to U+{last:X4} runs backwards", at);
                }
                else
                {
                    set.Add((single, last));
                }
            }
            else
            {
                set.AddRange(first.Ranges);
            }
        }

        _at++;
        var result = CodePointSet.Of([.. set]);
        return isNegated ? result.Complement() : result.Intersect(CodePointSet.All);
    }

    private CodePointSet ParseMember(out int single)
    {
        if (Current == '\\')
        {
            return ParseEscape(inClass: true, out single);
        }

        single = ParseRune(_at);
        return One(single);
    }

    private CodePointSet ParseEscape(bool inClass, out int single)
    {
        var start = _at++;
        single = -1;
        if (IsAtEnd)
        {
            throw Error("A backslash ends the expression", start);
        }

        var c = _text[_at++];
        switch (c)
        {
            case 'd':
                return Digits;
            case 'D':
                return Digits.Complement();
            case 'w':
                return Words;
            case 'W':
                return Words.Complement();
            case 's':
                return Spaces;
            case 'S':
                return Spaces.Complement();
            case 'p' or 'P':
                var property = ParseProperty(start);
                return c == 'p' ? property : property.Complement();
            case 'n':
                single = 10;
                break;
            case 'r':
                single = 13;
                break;
            case 't':
                single = 9;
                break;
            case 'v':
                single = 11;
                break;
            case 'f':
                single = 12;
                break;
            case 'b' when inClass:
                single = 8;
                break;
            case '0' when !char.IsAsciiDigit(Current):
                single = 0;
                break;
            case 'c' when char.IsAsciiLetter(Current):
                single = _text[_at++] % 32;
                break;
            case 'x':
                single = ParseHex(2, start);
                break;
            case 'u' when Current == '{':
                var close = _text.IndexOf('}', _at);
                single = close > _at + 1 && close - _at <= 9 && int.TryParse(_text.AsSpan(_at + 1, close - _at - 1), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var value) && value is >= 0 and <= CodePointSet.Last
                    ? value
                    : throw Error("'\\u{' needs the hexadecimal number of a character and '}'", start);
                _at = close + 1;
                break;
            case 'u':
                single = ParseHex(4, start);
                if (single is >= 0xD800 and < 0xDC00 && _at + 6 <= _text.Length && _text[_at] == '\\' && _text[_at + 1] == 'u')
                {
                    _at += 2;
                    var low = ParseHex(4, start);
                    single = low is >= 0xDC00 and < 0xE000 ? char.ConvertToUtf32((char)single, (char)low) : throw Error("Half a surrogate pair is no character", start);
                }

                break;
            case var letter when !char.IsAsciiLetterOrDigit(letter):
                _at--;
                single = ParseRune(start);
                break;
            default:
                throw Error($"'\\{c}' is no escape that can be honoured", start);
        }

        return single is >= 0xD800 and < 0xE000 ? throw Error("Half a surrogate pair is no character", start) : One(single);
    }

    private int ParseHex(int digits, int start)
    {
        if (_at + digits > _text.Length || !int.TryParse(_text.AsSpan(_at, digits), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var value))
        {
            throw Error($"{digits} hexadecimal digits are needed", start);
        }

        _at += digits;
        return value;
    }

    private CodePointSet ParseProperty(int start)
    {
        var close = Current == '{' ? _text.IndexOf('}', _at) : -1;
        if (close < 0)
        {
            throw Error("'\\p' needs a property in braces", start);
        }

        var name = _text[(_at + 1)..close];
        _at = close + 1;
        return UnicodeCategories.Find(name)
            ?? throw Error($"The character property '{name}' is not known; known are the general categories by their short names (L, Lu, Nd, P, …)", start);
    }

    private int ParseRune(int start)
    {
        if (Rune.DecodeFromUtf16(_text.AsSpan(_at), out var rune, out var length) != System.Buffers.OperationStatus.Done)
        {
            throw Error("Half a surrogate pair is no character", start);
        }

        _at += length;
        return rune.Value;
    }

    private static CodePointSet One(int value) => CodePointSet.Of((value, value));

    private GrammarException Error(string message, int position = -1)
    {
        var place = GrammarException.At("", _text, position < 0 ? _at : position);
        var shown = _text.Length > 80 ? $"{_text[..80]}…" : _text;
        return new GrammarException($"{message}, in the expression /{shown}/", place.Line, place.Column);
    }
}
