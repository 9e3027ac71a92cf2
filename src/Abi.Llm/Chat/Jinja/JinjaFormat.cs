using System.Globalization;
using System.Text;

namespace Abi.Llm.Chat.Jinja;

/// <summary>Python's two ways of formatting: <c>%</c> and <c>str.format</c>.</summary>
internal static class JinjaFormat
{
    public static string Percent(string format, IReadOnlyList<object?> values, JinjaDictionary? named, JinjaRuntime runtime)
    {
        var output = new StringBuilder();
        var next = 0;
        for (var i = 0; i < format.Length; i++)
        {
            if (format[i] != '%')
            {
                output.Append(format[i]);
                continue;
            }

            i++;
            object? value = null;
            var hasValue = false;
            if (i < format.Length && format[i] == '(' && format.IndexOf(')', i) is var close and > 0)
            {
                if (named is null || !named.TryGet(format[(i + 1)..close], out value))
                {
                    throw new JinjaException(JinjaErrorKind.Runtime, $"KeyError: '{format[(i + 1)..close]}'");
                }

                hasValue = true;
                i = close + 1;
            }

            var (left, zero, plus) = (false, false, false);
            for (; i < format.Length && format[i] is '-' or '0' or '+' or ' ' or '#'; i++)
            {
                left |= format[i] == '-';
                zero |= format[i] == '0';
                plus |= format[i] == '+';
            }

            var width = Digits(format, ref i);
            var precision = -1;
            if (i < format.Length && format[i] == '.')
            {
                i++;
                precision = Digits(format, ref i);
            }

            if (i >= format.Length)
            {
                throw new JinjaException(JinjaErrorKind.Runtime, "ValueError: incomplete format");
            }

            if (format[i] == '%')
            {
                output.Append('%');
                continue;
            }

            if (!hasValue)
            {
                value = next < values.Count ? values[next++] : throw new JinjaException(JinjaErrorKind.Runtime, "TypeError: not enough arguments for format string");
            }

            Pad(output, Convert(format[i], value, precision, plus), width, left ? '<' : '>', zero && !left ? '0' : ' ', runtime);
        }

        return named is not null || next == values.Count ? runtime.Bound(output.ToString()) : throw new JinjaException(JinjaErrorKind.Runtime, "TypeError: not all arguments converted during string formatting");
    }

    public static string Braces(string format, JinjaArguments arguments)
    {
        var output = new StringBuilder();
        var next = 0;
        for (var i = 0; i < format.Length; i++)
        {
            var c = format[i];
            if (c is not ('{' or '}'))
            {
                output.Append(c);
                continue;
            }

            if (i + 1 < format.Length && format[i + 1] == c)
            {
                output.Append(c);
                i++;
                continue;
            }

            var close = c == '{' ? format.IndexOf('}', i) : -1;
            if (close < 0)
            {
                throw new JinjaException(JinjaErrorKind.Runtime, $"ValueError: Single '{c}' encountered in format string");
            }

            var field = format[(i + 1)..close];
            i = close;
            var colon = field.IndexOf(':', StringComparison.Ordinal);
            var (name, spec) = colon < 0 ? (field, "") : (field[..colon], field[(colon + 1)..]);
            var represent = name.EndsWith("!r", StringComparison.Ordinal);
            name = represent || name.EndsWith("!s", StringComparison.Ordinal) ? name[..^2] : name;
            object? value;
            if (name.Length == 0 || int.TryParse(name, NumberStyles.None, CultureInfo.InvariantCulture, out _))
            {
                var index = name.Length == 0 ? next++ : int.Parse(name, CultureInfo.InvariantCulture);
                value = index < arguments.Positional.Count ? arguments.Positional[index] : throw new JinjaException(JinjaErrorKind.Runtime, "IndexError: Replacement index out of range for positional args tuple");
            }
            else
            {
                var parts = name.Split('.', 2);
                value = arguments.Named.TryGetValue(parts[0], out var named) ? named : throw new JinjaException(JinjaErrorKind.Runtime, $"KeyError: '{parts[0]}'");
                value = parts.Length > 1 ? JinjaMembers.GetPath(value, parts[1]) : value;
            }

            Specified(output, represent ? JinjaText.Represent(value) : value, spec, arguments.Runtime);
        }

        return arguments.Runtime.Bound(output.ToString());
    }

    private static void Specified(StringBuilder output, object? value, string spec, JinjaRuntime runtime)
    {
        var i = 0;
        var (fill, align) = (' ', JinjaNumbers.IsNumber(value) && value is not bool ? '>' : '<');
        if (spec.Length > 1 && spec[1] is '<' or '>' or '^')
        {
            (fill, align, i) = (spec[0], spec[1], 2);
        }
        else if (spec.Length > 0 && spec[0] is '<' or '>' or '^')
        {
            (align, i) = (spec[0], 1);
        }

        var plus = i < spec.Length && spec[i] == '+';
        i += plus ? 1 : 0;
        if (i < spec.Length && spec[i] == '0')
        {
            fill = '0';
        }

        var width = Digits(spec, ref i);
        var grouped = i < spec.Length && spec[i] == ',';
        i += grouped ? 1 : 0;
        var precision = -1;
        if (i < spec.Length && spec[i] == '.')
        {
            i++;
            precision = Digits(spec, ref i);
        }

        var kind = i < spec.Length ? spec[i] : JinjaNumbers.IsNumber(value) && precision >= 0 ? 'g' : 's';
        var text = grouped && JinjaNumbers.IsNumber(value)
            ? JinjaNumbers.ToDouble(value).ToString($"N{(kind == 'f' ? precision < 0 ? 6 : precision : 0)}", CultureInfo.InvariantCulture)
            : Convert(kind, value, precision, plus);
        Pad(output, text, width, align, fill, runtime);
    }

    private static string Convert(char kind, object? value, int precision, bool plus)
    {
        if (value is JinjaUndefined undefined && kind is not 's')
        {
            throw undefined.Error();
        }

        switch (kind)
        {
            case 's' or 'r':
                var text = kind == 's' ? JinjaText.ToText(value) : JinjaText.Represent(value);
                return precision >= 0 ? string.Concat(JinjaText.Characters(text).Take(precision)) : text;
            case 'd' or 'i' or 'u' when JinjaNumbers.IsNumber(value):
                var number = value is double d ? (long)d : JinjaNumbers.ToLong(value);
                return (plus && number >= 0 ? "+" : "") + number.ToString(CultureInfo.InvariantCulture);
            case 'x' or 'X' or 'o' or 'b' when value is long or bool:
                var bits = JinjaNumbers.ToLong(value);
                var digits = kind switch { 'x' => bits.ToString("x", CultureInfo.InvariantCulture), 'X' => bits.ToString("X", CultureInfo.InvariantCulture), 'o' => System.Convert.ToString(bits, 8), _ => System.Convert.ToString(bits, 2) };
                return digits;
            case 'f' or 'F' or '%' when JinjaNumbers.IsNumber(value):
                var scaled = JinjaNumbers.ToDouble(value) * (kind == '%' ? 100 : 1);
                return (plus && scaled >= 0 ? "+" : "") + scaled.ToString($"F{(precision < 0 ? 6 : Math.Min(precision, 100))}", CultureInfo.InvariantCulture) + (kind == '%' ? "%" : "");
            case 'e' or 'E' when JinjaNumbers.IsNumber(value):
                var exponent = JinjaNumbers.ToDouble(value).ToString($"0.{new string('0', precision < 0 ? 6 : Math.Min(precision, 100))}e+00", CultureInfo.InvariantCulture);
                return kind == 'E' ? exponent.ToUpperInvariant() : exponent;
            case 'g' or 'G' when JinjaNumbers.IsNumber(value):
                return JinjaNumbers.ToDouble(value).ToString($"G{(precision < 0 ? 6 : Math.Max(precision, 1))}", CultureInfo.InvariantCulture);
            case 'c' when value is string: return (string)value;
            default: throw new JinjaException(JinjaErrorKind.Runtime, $"TypeError: format '%{kind}' does not take a {JinjaOperators.TypeName(value)}");
        }
    }

    private static int Digits(string text, ref int i)
    {
        var value = 0;
        for (; i < text.Length && char.IsAsciiDigit(text[i]); i++)
        {
            value = Math.Min((value * 10) + text[i] - '0', 1 << 28);
        }

        return value;
    }

    private static void Pad(StringBuilder output, string text, int width, char align, char fill, JinjaRuntime runtime)
    {
        runtime.CheckCharacters(width + (long)output.Length);
        var padding = Math.Max(width - JinjaText.Length(text), 0);
        var left = align switch { '<' => 0, '>' => padding, _ => padding / 2 };
        if (fill == '0' && align == '>' && text.Length > 0 && text[0] is '-' or '+')
        {
            output.Append(text[0]).Append('0', padding).Append(text, 1, text.Length - 1);
            return;
        }

        output.Append(fill, left).Append(text).Append(fill, padding - left);
    }
}
