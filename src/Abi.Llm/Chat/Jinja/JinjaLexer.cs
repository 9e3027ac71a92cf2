using System.Globalization;
using System.Text;

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
        source = source.ReplaceLineEndings("\n");
        var lexer = new JinjaLexer(source.EndsWith('\n') ? source[..^1] : source);
        lexer.Run();
        return lexer._tokens;
    }

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
            AddData(sign == '-' ? text.TrimEnd() : sign != '+' && kind != '{' ? StripLine(text) : text, text);
            _position = open + 2 + (sign is '-' or '+' ? 1 : 0);
            switch (kind)
            {
                case '#': Comment(); break;
                case '%': Block(); break;
                default: Print(); break;
            }
        }

        _tokens.Add(new JinjaToken(JinjaTokenKind.End, "", _line));
    }

    /// <summary>Removes the white space that stands alone before a block tag on its line.</summary>
    private string StripLine(string text)
    {
        var lineStart = text.LastIndexOf('\n') + 1;
        return (lineStart > 0 || _atLineStart) && string.IsNullOrWhiteSpace(text[lineStart..]) ? text[..lineStart] : text;
    }

    /// <summary>Skips what a tag's end takes with it: all white space behind <c>-</c>, else one newline where it is trimmed.</summary>
    private void EndTag(char sign, bool trimsNewline)
    {
        _atLineStart = false;
        while (_position < _source.Length && (sign == '-' ? char.IsWhiteSpace(_source[_position]) : trimsNewline && sign != '+' && !_atLineStart && _source[_position] == '\n'))
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
            throw Error("Missing end of comment tag");
        }

        _line += _source.AsSpan(_position, end - _position).Count('\n');
        var sign = end > _position ? _source[end - 1] : '\0';
        _position = end + 2;
        EndTag(sign, trimsNewline: true);
    }

    private void Print()
    {
        _tokens.Add(new JinjaToken(JinjaTokenKind.PrintBegin, "{{", _line));
        var sign = Expression("}}");
        _tokens.Add(new JinjaToken(JinjaTokenKind.PrintEnd, "}}", _line));
        EndTag(sign, trimsNewline: false);
    }

    private void Block()
    {
        var first = _tokens.Count;
        _tokens.Add(new JinjaToken(JinjaTokenKind.BlockBegin, "{%", _line));
        var sign = Expression("%}");
        var isRaw = _tokens.Count == first + 2 && _tokens[first + 1] is { Kind: JinjaTokenKind.Name, Text: "raw" };
        if (isRaw)
        {
            _tokens.RemoveRange(first, 2);
        }
        else
        {
            _tokens.Add(new JinjaToken(JinjaTokenKind.BlockEnd, "%}", _line));
        }

        EndTag(sign, trimsNewline: true);
        if (isRaw)
        {
            Raw();
        }
    }

    private void Raw()
    {
        for (var open = _source.IndexOf("{%", _position, StringComparison.Ordinal); open >= 0; open = _source.IndexOf("{%", open + 2, StringComparison.Ordinal))
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

            var text = _source[_position..open];
            AddData(sign == '-' ? text.TrimEnd() : sign != '+' ? StripLine(text) : text, text);
            _position = i + 2;
            EndTag(endSign, trimsNewline: true);
            return;
        }

        throw Error("Missing end of raw directive");
    }

    private int SkipWhiteSpace(int i)
    {
        while (i < _source.Length && char.IsWhiteSpace(_source[i]))
        {
            i++;
        }

        return i;
    }

    /// <summary>Tokens up to the closing mark; the sign before it, if any.</summary>
    private char Expression(string close)
    {
        var nesting = 0;
        while (true)
        {
            while (_position < _source.Length && char.IsWhiteSpace(_source[_position]))
            {
                _line += _source[_position] == '\n' ? 1 : 0;
                _position++;
            }

            if (_position >= _source.Length)
            {
                throw Error($"unexpected end of template, expected '{close}'");
            }

            var rest = _source.AsSpan(_position);
            if (nesting == 0)
            {
                if (rest.StartsWith(close))
                {
                    _position += close.Length;
                    return '\0';
                }

                if (rest[0] is '-' or '+' && rest[1..].StartsWith(close))
                {
                    _position += close.Length + 1;
                    return rest[0];
                }
            }

            var c = rest[0];
            if (c is '\'' or '"')
            {
                String(c);
            }
            else if (char.IsAsciiDigit(c))
            {
                Number();
            }
            else if (c == '_' || char.IsLetter(c))
            {
                var end = 1;
                while (end < rest.Length && (rest[end] == '_' || char.IsLetterOrDigit(rest[end])))
                {
                    end++;
                }

                Add(JinjaTokenKind.Name, rest[..end].ToString(), end);
            }
            else
            {
                var found = Array.Find(Operators, o => _source.AsSpan(_position).StartsWith(o)) ?? throw Error($"unexpected char '{c}'");
                nesting += found is "(" or "[" or "{" ? 1 : found is ")" or "]" or "}" ? -1 : 0;
                if (nesting < 0)
                {
                    throw Error($"unexpected '{found}'");
                }

                Add(JinjaTokenKind.Operator, found, found.Length);
            }
        }
    }

    private void Number()
    {
        var rest = _source.AsSpan(_position);
        var end = Digits(rest, 0);
        var isFloat = false;
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

        Add(isFloat ? JinjaTokenKind.Float : JinjaTokenKind.Integer, rest[..end].ToString().Replace("_", "", StringComparison.Ordinal), end);

        static int Digits(ReadOnlySpan<char> text, int from)
        {
            while (from < text.Length && (char.IsAsciiDigit(text[from]) || text[from] == '_'))
            {
                from++;
            }

            return from;
        }
    }

    private void String(char quote)
    {
        var value = new StringBuilder();
        var i = _position + 1;
        for (; i < _source.Length && _source[i] != quote; i++)
        {
            if (_source[i] != '\\' || i + 1 >= _source.Length)
            {
                value.Append(_source[i]);
                continue;
            }

            i++;
            switch (_source[i])
            {
                case 'n': value.Append('\n'); break;
                case 't': value.Append('\t'); break;
                case 'r': value.Append('\r'); break;
                case 'b': value.Append('\b'); break;
                case 'f': value.Append('\f'); break;
                case 'v': value.Append('\v'); break;
                case 'a': value.Append('\a'); break;
                case '0': value.Append('\0'); break;
                case '\n': break;
                case 'x': i = Code(value, i, 2); break;
                case 'u': i = Code(value, i, 4); break;
                case 'U': i = Code(value, i, 8); break;
                case '\\' or '\'' or '"': value.Append(_source[i]); break;
                default: value.Append('\\').Append(_source[i]); break;
            }
        }

        if (i >= _source.Length)
        {
            throw Error("unexpected end of a string");
        }

        var length = i + 1 - _position;
        var lines = _source.AsSpan(_position, length).Count('\n');
        Add(JinjaTokenKind.String, value.ToString(), length);
        _line += lines;
    }

    private int Code(StringBuilder value, int i, int digits)
    {
        if (i + digits >= _source.Length || !int.TryParse(_source.AsSpan(i + 1, digits), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var code) || code is < 0 or > 0x10ffff)
        {
            throw Error("truncated escape in a string");
        }

        _ = code is >= 0xd800 and <= 0xdfff || code <= 0xffff ? value.Append((char)code) : value.Append(char.ConvertFromUtf32(code));
        return i + digits;
    }

    private void Add(JinjaTokenKind kind, string text, int length)
    {
        _tokens.Add(new JinjaToken(kind, text, _line));
        _position += length;
    }

    private JinjaException Error(string message) => new(JinjaErrorKind.Syntax, message, _line);
}
