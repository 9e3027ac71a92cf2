using System.Globalization;
using System.Text;

namespace Abi.Llm.Chat.Jinja;

/// <summary>The filters that make or change text and numbers; those over lists are in the other part.</summary>
internal static partial class JinjaFilters
{
    private static readonly Dictionary<string, JinjaFilter> Filters = new(StringComparer.Ordinal)
    {
        ["abs"] = (value, _) => value switch
        {
            double number => (object)Math.Abs(number),
            _ => Math.Abs(JinjaNumbers.ToInteger(value, "abs")),
        },
        ["capitalize"] = (value, _) => JinjaStringMethods.Capitalize(JinjaText.ToText(value)),
        ["center"] = (value, a) => JinjaStringMethods.Center(JinjaText.ToText(value), a.Integer(0, "width", 80), a.Runtime),
        ["default"] = Default,
        ["d"] = Default,
        ["escape"] = (value, _) => new JinjaMarkup(JinjaMarkup.Escape(value)),
        ["e"] = (value, _) => new JinjaMarkup(JinjaMarkup.Escape(value)),
        ["forceescape"] = (value, _) => new JinjaMarkup(JinjaMarkup.Escape(JinjaMarkup.Unwrap(value))),
        ["float"] = (value, a) => value switch
        {
            long or bool or double => JinjaNumbers.ToDouble(value),
            string text when double.TryParse(text.Trim(), NumberStyles.Float, CultureInfo.InvariantCulture, out var number) => number,
            _ => a.Get(0, "default", 0.0),
        },
        ["format"] = (value, a) =>
        {
            var named = new JinjaDictionary();
            foreach (var (name, item) in a.Named)
            {
                named[name] = item;
            }

            return JinjaFormat.Percent(JinjaText.ToText(value), a.Positional, a.Named.Count > 0 ? named : null, a.Runtime);
        },
        ["indent"] = Indent,
        ["int"] = ToInteger,
        ["lower"] = (value, _) => JinjaStringMethods.Lower(JinjaText.ToText(value)),
        ["pprint"] = (value, _) => JinjaText.Represent(value),
        ["replace"] = (value, a) => JinjaStringMethods.Replace(JinjaText.ToText(value), a.Text(0, "old", ""), a.Text(1, "new", ""), a.Get(2, "count", null) is null ? -1 : a.Integer(2, "count", -1), a.Runtime),
        ["round"] = (value, a) => Round(value, a),
        ["safe"] = (value, _) => new JinjaMarkup(JinjaText.ToText(value)),
        ["string"] = (value, _) => JinjaText.ToText(value),
        ["striptags"] = (value, _) => StripTags(JinjaText.ToText(value)),
        ["title"] = (value, _) => Title(JinjaText.ToText(value)),
        ["tojson"] = JinjaJson.Write,
        ["trim"] = (value, a) => JinjaStringMethods.Strip(JinjaText.ToText(value), a.Get(0, "chars", null), start: true, end: true),
        ["truncate"] = Truncate,
        ["upper"] = (value, _) => JinjaStringMethods.Upper(JinjaText.ToText(value)),
        ["urlencode"] = (value, _) => Uri.EscapeDataString(JinjaText.ToText(value)).Replace("%2F", "/", StringComparison.Ordinal),
        ["wordcount"] = (value, _) => (long)JinjaText.ToText(value).Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries).Length,
        ["attr"] = (value, a) => JinjaMembers.GetAttribute(value, a.RequireText(0, "name")),
        ["batch"] = Batch,
        ["count"] = (value, _) => JinjaOperators.Length(value),
        ["dictsort"] = DictionarySort,
        ["first"] = (value, _) => JinjaOperators.Iterate(value) is { Count: > 0 } list ? list[0] : new JinjaUndefined("UndefinedError: No first item, sequence was empty."),
        ["groupby"] = GroupBy,
        ["items"] = (value, _) => value switch
        {
            JinjaDictionary dictionary => JinjaMembers.Items(dictionary),
            JinjaUndefined => new JinjaList(),
            _ => throw new JinjaException(JinjaErrorKind.Runtime, "TypeError: Can only get item pairs from a mapping."),
        },
        ["join"] = Join,
        ["last"] = (value, _) => JinjaOperators.Iterate(value) is { Count: > 0 } list ? list[^1] : new JinjaUndefined("UndefinedError: No last item, sequence was empty."),
        ["length"] = (value, _) => JinjaOperators.Length(value),
        ["list"] = (value, a) => List(value, a),
        ["map"] = Map,
        ["max"] = (value, a) => Extreme(value, a, 1),
        ["min"] = (value, a) => Extreme(value, a, -1),
        ["reject"] = (value, a) => Select(value, a, byAttribute: false, keep: false),
        ["rejectattr"] = (value, a) => Select(value, a, byAttribute: true, keep: false),
        ["select"] = (value, a) => Select(value, a, byAttribute: false, keep: true),
        ["selectattr"] = (value, a) => Select(value, a, byAttribute: true, keep: true),
        ["reverse"] = (value, _) => value is string text
            ? string.Concat(Enumerable.Reverse(JinjaText.Characters(text)))
            : new JinjaList(Enumerable.Reverse(JinjaOperators.Iterate(value))),
        ["slice"] = Slice,
        ["sort"] = Sort,
        ["sum"] = Sum,
        ["unique"] = Unique,
    };

    public static JinjaFilter? Find(string name) => Filters.GetValueOrDefault(name);

    private static object? Default(object? value, JinjaArguments arguments) =>
        value is JinjaUndefined || (arguments.Flag(1, "boolean", false) && !JinjaOperators.IsTrue(value)) ? arguments.Get(0, "default_value", "") : value;

    private static string Indent(object? value, JinjaArguments arguments)
    {
        var text = JinjaText.ToText(value);
        var width = arguments.Get(0, "width", 4L);
        var indentation = width as string ?? new string(' ', (int)Math.Clamp(JinjaNumbers.ToInteger(width, "indent"), 0, 10_000));
        var (first, blank) = (arguments.Flag(1, "first", false), arguments.Flag(2, "blank", false));
        var builder = new StringBuilder();
        // A trailing newline counts as an empty last line.
        var lines = JinjaStringMethods.SplitLines(text + "\n", keepEnds: false);
        for (var i = 0; i < lines.Count; i++)
        {
            builder.Append(i > 0 ? "\n" : "");
            if (i == 0 ? first : blank || lines[i].Length > 0)
            {
                builder.Append(indentation);
            }

            builder.Append(lines[i]);
            arguments.Runtime.CheckCharacters(builder.Length);
        }

        return builder.ToString();
    }

    private static object? ToInteger(object? value, JinjaArguments arguments)
    {
        switch (value)
        {
            case long or bool: return JinjaNumbers.ToLong(value);
            case double number when Math.Abs(number) < long.MaxValue: return (long)number;
            case string text:
                var numberBase = (int)arguments.Integer(1, "base", 10);
                text = text.Trim().Replace("_", "", StringComparison.Ordinal);
                if (numberBase == 16 && long.TryParse(text.StartsWith("0x", StringComparison.OrdinalIgnoreCase) ? text[2..] : text, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var hexadecimal))
                {
                    return hexadecimal;
                }

                if (long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var integer))
                {
                    return integer;
                }

                return double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var real) && Math.Abs(real) < long.MaxValue ? (long)real : arguments.Get(0, "default", 0L);
            default: return arguments.Get(0, "default", 0L);
        }
    }

    private static double Round(object? value, JinjaArguments arguments)
    {
        var number = JinjaNumbers.IsNumber(value) ? JinjaNumbers.ToDouble(value) : throw new JinjaException(JinjaErrorKind.Runtime, $"TypeError: round() needs a number, not {JinjaOperators.TypeName(value)}");
        var precision = (int)Math.Clamp(arguments.Integer(0, "precision", 0), -15, 15);
        var method = arguments.Text(1, "method", "common");
        var factor = Math.Pow(10, precision);
        return method switch
        {
            "ceil" => Math.Ceiling(number * factor) / factor,
            "floor" => Math.Floor(number * factor) / factor,
            // Python rounds the exact decimal value, ties to even.
            _ => precision >= 0 ? double.Parse(number.ToString($"F{precision}", CultureInfo.InvariantCulture), CultureInfo.InvariantCulture) is var rounded && IsTie(number, precision) ? Math.Round(number, precision, MidpointRounding.ToEven) : rounded : Math.Round(number * factor) / factor,
        };

        static bool IsTie(double number, int precision) => number * Math.Pow(10, precision) is var scaled && Math.Abs(scaled - Math.Truncate(scaled)) == 0.5 && precision <= 3;
    }

    private static string StripTags(string text)
    {
        var builder = new StringBuilder();
        var inTag = false;
        foreach (var c in text)
        {
            inTag = c == '<' || (inTag && c != '>');
            _ = inTag || c == '>' ? builder : builder.Append(c);
        }

        return string.Join(' ', builder.ToString().Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries));
    }

    private static string Title(string text)
    {
        var builder = new StringBuilder(text.Length);
        var inWord = false;
        foreach (var c in text)
        {
            builder.Append(inWord ? char.ToLowerInvariant(c) : char.ToUpperInvariant(c));
            inWord = !(char.IsWhiteSpace(c) || c is '-' or '(' or '{' or '[' or '<');
        }

        return builder.ToString();
    }

    private static string Truncate(object? value, JinjaArguments arguments)
    {
        var text = JinjaText.ToText(value);
        var (length, end) = ((int)Math.Clamp(arguments.Integer(0, "length", 255), 0, int.MaxValue), arguments.Text(2, "end", "..."));
        var leeway = arguments.Integer(3, "leeway", 5);
        if (text.Length <= length + leeway)
        {
            return text;
        }

        var cut = text[..Math.Max(length - end.Length, 0)];
        if (!arguments.Flag(1, "killwords", false) && cut.LastIndexOf(' ') is var space and >= 0)
        {
            cut = cut[..space];
        }

        return cut + end;
    }
}
