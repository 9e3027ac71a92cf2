using System.Globalization;

namespace Abi.Llm.Chat.Jinja;

/// <summary>
/// Cuts a template into tokens as Jinja 3 does with <c>trim_blocks</c> and <c>lstrip_blocks</c> on: the newline after a block tag goes, and so does the white space before
/// a block tag that begins its line; <c>-</c> strips all white space on its side, <c>+</c> keeps it.
/// </summary>
internal sealed class JinjaLexer
{
    private static readonly string[] Operators =
        ["**", "//", "==", "!=", ">=", "<=", "+", "-", "*", "/", "%", "~", "<", ">", "=", "(", ")", "[", "]", "{", "}", ",", ":", ".", "|", ";"];

    private readonly string _source;
    private readonly List<JinjaToken> _tokens = [];
    private int _position;
    private int _line = 1;
    private bool _atLineStart = true;

    private JinjaLexer(string source) => _source = source;

    public static List<JinjaToken> Tokenize(string source)
    {
        // One newline at the very end of a template is not part of it (keep_trailing_newline is off).
        source = Normalize(source);
        var lexer = new JinjaLexer(source.EndsWith('\n') ? source[..^1] : source);
        lexer.Run();
        return lexer._tokens;
    }

    private static string Normalize(string text) => text.Replace("\r\n", "\n", StringComparison.Ordinal).Replace('\r', '\n');

    private void Run()
    {
        while (_position < _source.Length)
        {
            var open = FindOpening(_position);
            var text = _source[_position..(open < 0 ? _source.Length : open)];
            if (open < 0)
            {
                AddData(text, text);
                break;
            }

            var kind = _source[open + 1];
            var sign = open + 2 < _source.Length ? _source[open + 2] : '\0';
            AddData(sign == '-' ? JinjaUnicode.TrimEnd(text) : sign != '+' && kind != '{' ? StripLine(text) : text, text);
            _position = open + 2 + (sign is '-' or '+' ? 1 : 0);
            switch (kind)
            {
                case '#': Comment(); break;
                case '%' when RawEnd() is { } raw: Raw(raw); break;
                case '%':
                    _tokens.Add(new JinjaToken(JinjaTokenKind.BlockBegin, "{%", _line));
                    Tag("%}", JinjaTokenKind.BlockEnd, isBlock: true);
                    break;
                default:
                    _tokens.Add(new JinjaToken(JinjaTokenKind.PrintBegin, "{{", _line));
                    Tag("}}", JinjaTokenKind.PrintEnd, isBlock: false);
                    break;
            }
        }

        _tokens.Add(new JinjaToken(JinjaTokenKind.End, "", _line));
    }

    /// <summary>Removes the white space that stands alone before a block tag on its line.</summary>
    private string StripLine(string text)
    {
        var lineStart = text.LastIndexOf('\n') + 1;
        return (lineStart > 0 || _atLineStart) && text[lineStart..].All(JinjaUnicode.IsSpace) ? text[..lineStart] : text;
    }

    /// <summary>Skips what a tag's end takes with it: all white space behind <c>-</c>, else one newline where it is trimmed.</summary>
    private void EndTag(char sign, bool trimsNewline)
    {
        _atLineStart = false;
        while (_position < _source.Length && (sign == '-' ? JinjaUnicode.IsSpace(_source[_position]) : trimsNewline && sign != '+' && !_atLineStart && _source[_position] == '\n'))
        {
            _atLineStart = _source[_position] == '\n';
            _line += _atLineStart ? 1 : 0;
            _position++;
        }
    }

    private int FindOpening(int from)
    {
        for (var i = _source.IndexOf('{', from); i >= 0 && i + 1 < _source.Length; i = _source.IndexOf('{', i + 1))
        {
            if (_source[i + 1] is '{' or '%' or '#')
            {
                return i;
            }
        }

        return -1;
    }

    private void AddData(string data, string original)
    {
        if (data.Length > 0)
        {
            _tokens.Add(new JinjaToken(JinjaTokenKind.Data, data, _line));
        }

        _line += original.AsSpan().Count('\n');
    }

    private void Comment()
    {
        var end = _source.IndexOf("#}", _position, StringComparison.Ordinal);
        if (end < 0)
        {
            // Jinja, too, lets a comment pass that opens at the very end.
            _position = _position == _source.Length ? _position : throw Error("Missing end of comment tag");
            return;
        }

        _line += _source.AsSpan(_position, end - _position).Count('\n');
        var sign = end > _position ? _source[end - 1] : '\0';
        _position = end + 2;
        EndTag(sign, trimsNewline: true);
    }

    /// <summary>Where the text of a raw block begins, if that is what stands here; a minus strips the white space behind it, and its newline stays otherwise.</summary>
    private int? RawEnd()
    {
        var i = SkipWhiteSpace(_position);
        if (!_source.AsSpan(i).StartsWith("raw"))
        {
            return null;
        }

        i = SkipWhiteSpace(i + 3);
        return _source.AsSpan(i).StartsWith("%}") ? i + 2 : _source.AsSpan(i).StartsWith("-%}") ? SkipWhiteSpace(i + 3) : null;
    }

    private void Raw(int start)
    {
        _line += _source.AsSpan(_position, start - _position).Count('\n');
        _atLineStart = _source[start - 1] == '\n';
        _position = start;
        for (var open = _source.IndexOf("{%", start, StringComparison.Ordinal); open >= 0; open = _source.IndexOf("{%", open + 2, StringComparison.Ordinal))
        {
            var i = open + 2;
            var sign = i < _source.Length && _source[i] is '-' or '+' ? _source[i++] : '\0';
            i = SkipWhiteSpace(i);
            if (!_source.AsSpan(i).StartsWith("endraw"))
            {
                continue;
            }

            i = SkipWhiteSpace(i + 6);
            var endSign = i < _source.Length && _source[i] is '-' or '+' ? _source[i++] : '\0';
            if (!_source.AsSpan(i).StartsWith("%}"))
            {
                continue;
            }

            var text = _source[start..open];
            AddData(sign == '-' ? JinjaUnicode.TrimEnd(text) : sign != '+' ? StripLine(text) : text, text);
            _line += _source.AsSpan(open, i - open).Count('\n');
            _position = i + 2;
            EndTag(endSign, trimsNewline: true);
            return;
        }

        _position = start == _source.Length ? start : throw Error("Missing end of raw directive");
    }

    private int SkipWhiteSpace(int i)
    {
        while (i < _source.Length && JinjaUnicode.IsSpace(_source[i]))
        {
            i++;
        }

        return i;
    }

    /// <summary>Tokens up to the closing mark, and what it takes with it; inside of brackets the mark does not close.</summary>
    private void Tag(string close, JinjaTokenKind end, bool isBlock)
    {
        var brackets = new Stack<char>();
        while (true)
        {
            while (_position < _source.Length && JinjaUnicode.IsSpace(_source[_position]))
            {
                _line += _source[_position] == '\n' ? 1 : 0;
                _position++;
            }

            if (_position >= _source.Length)
            {
                return;
            }

            var rest = _source.AsSpan(_position);
            var signed = rest[0] == '-' || (rest[0] == '+' && isBlock) ? 1 : 0;
            if (brackets.Count == 0 && rest[signed..].StartsWith(close))
            {
                _position += close.Length + signed;
                _tokens.Add(new JinjaToken(end, close, _line));
                EndTag(signed > 0 ? rest[0] : '\0', trimsNewline: isBlock);
                return;
            }

            Next(brackets);
        }
    }

    private void Next(Stack<char> brackets)
    {
        var rest = _source.AsSpan(_position);
        var c = rest[0];
        if (c is '\'' or '"')
        {
            String(c);
        }
        else if (char.IsAsciiDigit(c))
        {
            Number();
        }
        else if (NameLength(_position) is var length and > 0)
        {
            var name = _source.Substring(_position, length);
            Add(JinjaTokenKind.Name, JinjaUnicode.IsIdentifier(name) ? name : throw Error("Invalid character in identifier"), length);
        }
        else
        {
            var found = Array.Find(Operators, o => _source.AsSpan(_position).StartsWith(o)) ?? throw Error($"unexpected char '{c}'");
            switch (found)
            {
                case "(": brackets.Push(')'); break;
                case "[": brackets.Push(']'); break;
                case "{": brackets.Push('}'); break;
                case ")" or "]" or "}" when !brackets.TryPop(out var expected) || expected != found[0]:
                    throw Error($"unexpected '{found}'");
            }

            Add(JinjaTokenKind.Operator, found, found.Length);
        }
    }

    private int NameLength(int start)
    {
        var i = start;
        while (i < _source.Length)
        {
            var character = char.IsHighSurrogate(_source[i]) && i + 1 < _source.Length && char.IsLowSurrogate(_source[i + 1]) ? _source.Substring(i, 2) : _source[i].ToString();
            if (!JinjaUnicode.IsWord(character) && !(i > start && char.GetUnicodeCategory(_source[i]) is UnicodeCategory.NonSpacingMark or UnicodeCategory.SpacingCombiningMark))
            {
                break;
            }

            i += character.Length;
        }

        return i - start;
    }

    private void Number()
    {
        var rest = _source.AsSpan(_position);
        var end = Digits(rest, 0);
        var isFloat = false;
        if (_position == 0 || _source[_position - 1] != '.')
        {
            if (end + 1 < rest.Length && rest[end] == '.' && char.IsAsciiDigit(rest[end + 1]))
            {
                isFloat = true;
                end = Digits(rest, end + 1);
            }

            if (end < rest.Length && rest[end] is 'e' or 'E')
            {
                var exponent = end + 1;
                exponent += exponent < rest.Length && rest[exponent] is '+' or '-' ? 1 : 0;
                if (exponent < rest.Length && char.IsAsciiDigit(rest[exponent]))
                {
                    isFloat = true;
                    end = Digits(rest, exponent);
                }
            }
        }

        end = isFloat ? end : IntegerLength(rest);
        Add(isFloat ? JinjaTokenKind.Float : JinjaTokenKind.Integer, rest[..end].ToString().Replace("_", "", StringComparison.Ordinal), end);
    }

    /// <summary>An integer: in base 2, 8 or 16 behind its prefix, zeros, or digits that no zero leads.</summary>
    private static int IntegerLength(ReadOnlySpan<char> text)
    {
        if (text[0] != '0')
        {
            return Digits(text, 0);
        }

        var allowed = text.Length > 1 ? char.ToLowerInvariant(text[1]) switch { 'x' => "0123456789abcdefABCDEF", 'o' => "01234567", 'b' => "01", _ => "" } : "";
        var end = allowed.Length > 0 ? Run(text, 2, allowed) : 2;
        return end > 2 ? end : Run(text, 1, "0");

        static int Run(ReadOnlySpan<char> text, int i, string allowed)
        {
            while (i < text.Length && (allowed.Contains(text[i], StringComparison.Ordinal) || (text[i] == '_' && i + 1 < text.Length && allowed.Contains(text[i + 1], StringComparison.Ordinal))))
            {
                i++;
            }

            return i;
        }
    }

    /// <summary>Digits, single underscores between them.</summary>
    private static int Digits(ReadOnlySpan<char> text, int i)
    {
        while (i < text.Length && (char.IsAsciiDigit(text[i]) || (text[i] == '_' && i + 1 < text.Length && char.IsAsciiDigit(text[i + 1]))))
        {
            i++;
        }

        return i;
    }

    private void String(char quote)
    {
        var end = _position + 1;
        while (end < _source.Length && _source[end] != quote)
        {
            end += _source[end] == '\\' ? 2 : 1;
        }

        if (end >= _source.Length)
        {
            throw Error($"unexpected char '{quote}'");
        }

        var length = end + 1 - _position;
        var value = JinjaStringLiteral.Unescape(_source.AsSpan(_position + 1, length - 2)) ?? throw Error("truncated or unknown escape in a string");
        var lines = _source.AsSpan(_position, length).Count('\n');
        Add(JinjaTokenKind.String, value, length);
        _line += lines;
    }

    private void Add(JinjaTokenKind kind, string text, int length)
    {
        _tokens.Add(new JinjaToken(kind, text, _line));
        _position += length;
    }

    private JinjaException Error(string message) => new(JinjaErrorKind.Syntax, message, _line);
}
