using System.Globalization;
using System.Text;

namespace Abi.Llm.Chat.Jinja;

/// <summary>Values as text: Python's <c>str</c> and <c>repr</c>, and strings counted in code points.</summary>
internal static class JinjaText
{
    public static string ToText(object? value) => value switch
    {
        string text => text,
        JinjaMarkup markup => markup.Text,
        JinjaUndefined => "",
        _ => Represent(value),
    };

    public static string Represent(object? value)
    {
        var builder = new StringBuilder();
        Represent(builder, value, 0);
        return builder.ToString();
    }

    /// <summary>Python's shortest text of a double: <c>1.0</c>, <c>1e+16</c>, <c>1e-05</c>.</summary>
    public static string Float(double value)
    {
        if (double.IsNaN(value))
        {
            return "nan";
        }

        if (double.IsInfinity(value))
        {
            return value > 0 ? "inf" : "-inf";
        }

        var scientific = value.ToString("E16", CultureInfo.InvariantCulture);
        var exponent = value == 0 ? 0 : int.Parse(scientific.AsSpan(scientific.IndexOf('E', StringComparison.Ordinal) + 1), NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture);
        var shortest = value.ToString("R", CultureInfo.InvariantCulture);
        if (exponent is >= -4 and < 16)
        {
            var text = shortest.Contains('E', StringComparison.Ordinal) ? ((decimal)value).ToString(CultureInfo.InvariantCulture) : shortest;
            return text.Contains('.', StringComparison.Ordinal) ? text : text + ".0";
        }

        var at = shortest.IndexOf('E', StringComparison.Ordinal);
        var digits = at >= 0 ? shortest[..at] : Mantissa(shortest);
        return $"{digits}e{(exponent < 0 ? '-' : '+')}{Math.Abs(exponent):00}";
    }

    public static int Length(string text)
    {
        var length = text.Length;
        foreach (var c in text)
        {
            length -= char.IsLowSurrogate(c) ? 1 : 0;
        }

        return length;
    }

    /// <summary>The code points of a string, each as a string.</summary>
    public static List<string> Characters(string text)
    {
        var characters = new List<string>(text.Length);
        for (var i = 0; i < text.Length; i++)
        {
            var isPair = char.IsHighSurrogate(text[i]) && i + 1 < text.Length && char.IsLowSurrogate(text[i + 1]);
            characters.Add(isPair ? text.Substring(i++, 2) : text[i].ToString());
        }

        return characters;
    }

    private static string Mantissa(string shortest)
    {
        var negative = shortest.StartsWith('-');
        var digits = shortest.TrimStart('-').Replace(".", "", StringComparison.Ordinal).TrimStart('0').TrimEnd('0');
        return $"{(negative ? "-" : "")}{digits[0]}{(digits.Length > 1 ? "." + digits[1..] : "")}";
    }

    private static void Represent(StringBuilder builder, object? value, int depth)
    {
        if (depth > 100)
        {
            throw new JinjaException(JinjaErrorKind.Limit, "A value is nested too deeply to be printed.");
        }

        switch (value)
        {
            case null: builder.Append("None"); break;
            case bool flag: builder.Append(flag ? "True" : "False"); break;
            case long number: builder.Append(number.ToString(CultureInfo.InvariantCulture)); break;
            case double number: builder.Append(Float(number)); break;
            case string text: Quote(builder, text); break;
            case JinjaMarkup markup: Quote(builder, markup.Text); break;
            case JinjaUndefined: builder.Append("Undefined"); break;
            case JinjaList list:
                builder.Append(list.IsTuple ? '(' : '[');
                for (var i = 0; i < list.Count; i++)
                {
                    builder.Append(i > 0 ? ", " : "");
                    Represent(builder, list[i], depth + 1);
                }

                builder.Append(list.IsTuple ? list.Count == 1 ? ",)" : ")" : "]");
                break;
            case JinjaDictionary dictionary:
                builder.Append('{');
                var first = true;
                foreach (var (key, item) in dictionary.Entries)
                {
                    builder.Append(first ? "" : ", ");
                    first = false;
                    Represent(builder, key, depth + 1);
                    builder.Append(": ");
                    Represent(builder, item, depth + 1);
                }

                builder.Append('}');
                break;
            case JinjaNamespace: builder.Append("<Namespace>"); break;
            case JinjaCallable callable: builder.Append(CultureInfo.InvariantCulture, $"<function {callable.Name}>"); break;
            case JinjaLoop: builder.Append("<LoopContext>"); break;
            default: throw new JinjaException(JinjaErrorKind.Runtime, $"TypeError: a {value.GetType().Name} cannot be printed");
        }
    }

    private static void Quote(StringBuilder builder, string text)
    {
        var quote = text.Contains('\'', StringComparison.Ordinal) && !text.Contains('"', StringComparison.Ordinal) ? '"' : '\'';
        builder.Append(quote);
        for (var i = 0; i < text.Length; i++)
        {
            var c = text[i];
            switch (c)
            {
                case '\n': builder.Append("\\n"); break;
                case '\r': builder.Append("\\r"); break;
                case '\t': builder.Append("\\t"); break;
                case '\\': builder.Append("\\\\"); break;
                case < ' ' or '\x7f': builder.Append(CultureInfo.InvariantCulture, $"\\x{(int)c:x2}"); break;
                case > '\x7f' when IsUnprintable(text, i):
                    _ = c < 0x100
                        ? builder.Append(CultureInfo.InvariantCulture, $"\\x{(int)c:x2}")
                        : builder.Append(CultureInfo.InvariantCulture, $"\\u{(int)c:x4}");
                    break;
                default: builder.Append(c == quote ? "\\" : "").Append(c); break;
            }
        }

        builder.Append(quote);
    }

    private static bool IsUnprintable(string text, int i)
    {
        var isPair = char.IsHighSurrogate(text[i]) && i + 1 < text.Length && char.IsLowSurrogate(text[i + 1]) || (char.IsLowSurrogate(text[i]) && i > 0 && char.IsHighSurrogate(text[i - 1]));
        return !isPair && char.GetUnicodeCategory(text[i]) is UnicodeCategory.Control or UnicodeCategory.Format or UnicodeCategory.LineSeparator or UnicodeCategory.OtherNotAssigned
            or UnicodeCategory.ParagraphSeparator or UnicodeCategory.PrivateUse or UnicodeCategory.SpaceSeparator or UnicodeCategory.Surrogate;
    }
}
