using System.Globalization;
using System.Text;

namespace Abi.Llm.Chat.Jinja;

/// <summary>Python's first way of formatting: <c>format % values</c>.</summary>
internal sealed class JinjaFormat
{
    private readonly string _format;
    private readonly object? _values;
    private readonly JinjaRuntime _runtime;
    private readonly bool _escapes;
    private readonly StringBuilder _output = new();
    private int _position;
    private int _next;

    private JinjaFormat(string format, object? values, JinjaRuntime runtime, bool escapes)
    {
        _format = format;
        _values = values;
        _runtime = runtime;
        _escapes = escapes;
    }

    /// <summary>Formats a tuple's items, a mapping's named ones, or one value; <paramref name="escapes"/> escapes what is filled in.</summary>
    public static string Percent(string format, object? values, JinjaRuntime runtime, bool escapes = false)
    {
        var formatter = new JinjaFormat(format, values, runtime, escapes);
        formatter.Run();
        return runtime.Bound(formatter._output.ToString());
    }

    private void Run()
    {
        while (_position < _format.Length)
        {
            var percent = _format.IndexOf('%', _position);
            _output.Append(_format, _position, (percent < 0 ? _format.Length : percent) - _position);
            _position = percent < 0 ? _format.Length : percent + 1;
            if (percent >= 0)
            {
                Field();
            }
        }

        var isMapping = _values is JinjaDictionary or JinjaList { IsTuple: false } or JinjaRange or JinjaUndefined;
        if (!isMapping && _next < (_values is JinjaList tuple ? tuple.Count : 1))
        {
            throw JinjaError.Type("not all arguments converted during string formatting");
        }
    }

    private void Field()
    {
        if (Current == '%')
        {
            _position++;
            _output.Append('%');
            return;
        }

        object? named = JinjaSignature.Absent;
        if (Current == '(')
        {
            named = Named();
        }

        var (left, plus, space, alternate, zero) = (false, false, false, false, false);
        for (; Current is '-' or '+' or ' ' or '#' or '0'; _position++)
        {
            left |= Current == '-';
            plus |= Current == '+';
            space |= Current == ' ';
            alternate |= Current == '#';
            zero |= Current == '0';
        }

        var width = Size() ?? 0;
        (left, width) = width < 0 ? (true, -width) : (left, width);
        int? precision = null;
        if (Current == '.')
        {
            _position++;
            precision = Math.Max(Size() ?? 0, 0);
        }

        if (Current is 'h' or 'l' or 'L')
        {
            _position++;
        }

        var kind = Current;
        if (kind == '\0')
        {
            throw JinjaError.Value("incomplete format");
        }

        _position++;
        var value = named == JinjaSignature.Absent ? Next() : named;
        var (sign, text) = Convert(kind, value, precision, alternate);
        sign = sign.Length > 0 || kind is 's' or 'r' or 'a' or 'c' ? sign : plus ? "+" : space ? " " : "";
        var fill = zero && !left && kind is not ('s' or 'r' or 'a' or 'c') ? '0' : ' ';
        Pad(sign, text, width, left, fill);
    }

    private char Current => _position < _format.Length ? _format[_position] : '\0';

    /// <summary>The value that <c>%(name)</c> names; parentheses inside of the name nest.</summary>
    private object? Named()
    {
        if (_values is not (JinjaDictionary or JinjaList { IsTuple: false } or JinjaRange or JinjaUndefined))
        {
            throw JinjaError.Type("format requires a mapping");
        }

        var start = ++_position;
        for (var depth = 1; depth > 0; _position++)
        {
            depth += Current switch { '(' => 1, ')' => -1, '\0' when _position >= _format.Length => throw JinjaError.Value("incomplete format key"), _ => 0 };
        }

        var name = _format[start..(_position - 1)];
        return _values switch
        {
            JinjaDictionary dictionary => dictionary.TryGet(name, out var value) ? value : throw JinjaError.Other($"KeyError: '{name}'"),
            JinjaUndefined undefined => throw undefined.Error(),
            _ => throw JinjaError.Type("list indices must be integers or slices, not str"),
        };
    }

    private object? Next()
    {
        if (_values is JinjaList { IsTuple: true } tuple)
        {
            return _next < tuple.Count ? tuple[_next++] : throw JinjaError.Type("not enough arguments for format string");
        }

        return _next++ == 0 ? _values : throw JinjaError.Type("not enough arguments for format string");
    }

    private int? Size()
    {
        if (Current == '*')
        {
            _position++;
            var value = Next();
            return JinjaNumbers.IsInteger(value) ? (int)Math.Clamp(JinjaNumbers.ToInteger(value, "*"), -int.MaxValue, int.MaxValue) : throw JinjaError.Type("* wants int");
        }

        int? size = null;
        for (; char.IsAsciiDigit(Current); _position++)
        {
            size = size > int.MaxValue / 10 - 1 ? throw JinjaError.Value("width too big") : ((size ?? 0) * 10) + Current - '0';
        }

        return size;
    }

    private (string Sign, string Text) Convert(char kind, object? value, int? precision, bool alternate)
    {
        switch (kind)
        {
            case 's' or 'r' or 'a':
                var text = kind == 's' ? _escapes ? JinjaMarkup.Escape(value) : JinjaText.ToText(value) : JinjaText.Represent(value);
                text = kind == 'a' ? string.Concat(JinjaText.Characters(text).Select(c => c[0] > '~' ? JinjaText.Escape(c) : c)) : kind == 'r' && _escapes ? JinjaMarkup.Escape(text) : text;
                return ("", precision is { } most ? JinjaText.First(text, most) : text);
            case 'c':
                return ("", Character(value));
            case 'd' or 'i' or 'u' or 'o' or 'x' or 'X':
                value = JinjaMarkup.Unwrap(value);
                if (value is JinjaUndefined undefined)
                {
                    throw undefined.Error();
                }

                value = value is double number && kind is 'd' or 'i' or 'u' ? JinjaNumbers.Truncate((double)value) : value;
                if (!JinjaNumbers.IsInteger(value))
                {
                    throw JinjaError.Type($"%{kind} format: {(kind is 'd' or 'i' or 'u' ? "a real number" : "an integer")} is required, not {JinjaOperators.TypeName(value)}");
                }

                var integer = JinjaNumbers.ToBig(value);
                _runtime.CheckCharacters(precision ?? 0);
                var digits = JinjaNumberFormat.Integer(integer, kind).PadLeft(precision ?? 0, '0');
                return ((integer.Sign < 0 ? "-" : ""), (alternate && kind is 'x' or 'X' or 'o' && alternate ? "0" + kind : "") + digits);
            case 'e' or 'E' or 'f' or 'F' or 'g' or 'G':
                value = JinjaMarkup.Unwrap(value);
                var real = JinjaNumbers.IsNumber(value) || value is JinjaUndefined ? JinjaNumbers.ToDouble(value) : throw JinjaError.Type($"must be real number, not {JinjaOperators.TypeName(value)}");
                return (double.IsNegative(real) && !double.IsNaN(real) ? "-" : "", JinjaNumberFormat.Float(real, kind, Math.Min(precision ?? 6, JinjaNumberFormat.MostPrecision), alternate));
            default:
                throw JinjaError.Value($"unsupported format character '{kind}'");
        }
    }

    private static string Character(object? value) => JinjaMarkup.Unwrap(value) switch
    {
        string text when JinjaText.Length(text) == 1 => text,
        long code and >= 0 and <= 0x10ffff => code is >= 0xd800 and <= 0xdfff ? ((char)code).ToString() : char.ConvertFromUtf32((int)code),
        bool flag => flag ? "\x01" : "\0",
        long => throw JinjaError.Overflow("%c arg not in range(0x110000)"),
        _ => throw JinjaError.Type("%c requires int or char"),
    };

    private void Pad(string sign, string text, int width, bool left, char fill)
    {
        _runtime.CheckCharacters(Math.Max(width, text.Length) + (long)_output.Length, Math.Max(width, text.Length));
        var padding = Math.Max(width - JinjaText.Length(text) - sign.Length, 0);
        if (left)
        {
            _output.Append(sign).Append(text).Append(' ', padding);
            return;
        }

        // Zeros go behind the sign and a base's prefix.
        var prefix = fill == '0' && text.Length > 1 && text[0] == '0' && text[1] is 'x' or 'X' or 'o' ? text[..2] : "";
        _ = fill == '0'
            ? _output.Append(sign).Append(prefix).Append('0', padding).Append(text, prefix.Length, text.Length - prefix.Length)
            : _output.Append(' ', padding).Append(sign).Append(text);
    }
}
