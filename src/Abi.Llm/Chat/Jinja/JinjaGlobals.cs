using System.Globalization;
using System.Text;

namespace Abi.Llm.Chat.Jinja;

/// <summary>The functions that every template sees: Jinja's own, and <c>raise_exception</c> and <c>strftime_now</c> of chat templates.</summary>
internal static class JinjaGlobals
{
    private static readonly Dictionary<string, JinjaCallable> Functions = new JinjaCallable[]
    {
        new("range", Range),
        new("dict", MakeDictionary),
        new("namespace", MakeNamespace),
        new("raise_exception", arguments => throw new JinjaException(JinjaErrorKind.Raised, JinjaText.ToText(arguments.Require(0, "message")))),
        new("strftime_now", arguments => FormatTime(arguments.RequireText(0, "format"), arguments.Runtime.Now)),
        new("joiner", MakeJoiner),
        new("cycler", MakeCycler),
        new("lipsum", _ => throw new JinjaException(JinjaErrorKind.Runtime, "lipsum() makes random text and is not available in chat templates")),
    }.ToDictionary(function => function.Name, StringComparer.Ordinal);

    public static bool TryGet(string name, out object? value)
    {
        var found = Functions.TryGetValue(name, out var function);
        value = function;
        return found;
    }

    private static JinjaList Range(JinjaArguments arguments)
    {
        var first = JinjaNumbers.ToInteger(arguments.Require(0, "stop"), "range");
        var (start, stop) = arguments.Positional.Count > 1 ? (first, arguments.Integer(1, "stop", 0)) : (0, first);
        var step = arguments.Integer(2, "step", 1);
        if (step == 0)
        {
            throw new JinjaException(JinjaErrorKind.Runtime, "ValueError: range() arg 3 must not be zero");
        }

        var count = step > 0 ? stop > start ? ((Int128)stop - start + step - 1) / step : 0 : stop < start ? ((Int128)start - stop - step - 1) / -step : 0;
        arguments.Runtime.CheckElements((long)Int128.Min(count, long.MaxValue));
        var list = new JinjaList();
        for (long i = 0; i < (long)count; i++)
        {
            list.Add(start + (i * step));
        }

        return list;
    }

    private static JinjaDictionary MakeDictionary(JinjaArguments arguments)
    {
        var dictionary = new JinjaDictionary();
        foreach (var source in arguments.Positional)
        {
            var entries = source is JinjaDictionary other
                ? other.Entries
                : JinjaOperators.Iterate(source).Select(pair => JinjaOperators.Iterate(pair) is { Count: 2 } items ? KeyValuePair.Create(items[0], items[1]) : throw new JinjaException(JinjaErrorKind.Runtime, "ValueError: dict() needs pairs"));
            foreach (var (key, value) in entries)
            {
                dictionary[key] = value;
            }
        }

        foreach (var (key, value) in arguments.Named)
        {
            dictionary[key] = value;
        }

        return dictionary;
    }

    private static JinjaNamespace MakeNamespace(JinjaArguments arguments)
    {
        var instance = new JinjaNamespace();
        foreach (var (key, value) in MakeDictionary(arguments).Entries)
        {
            instance.Attributes[JinjaText.ToText(key)] = value;
        }

        return instance;
    }

    private static JinjaCallable MakeJoiner(JinjaArguments arguments)
    {
        var separator = arguments.Text(0, "sep", ", ");
        var isUsed = false;
        return new JinjaCallable("joiner", _ =>
        {
            var text = isUsed ? separator : "";
            isUsed = true;
            return text;
        });
    }

    private static JinjaNamespace MakeCycler(JinjaArguments arguments)
    {
        var items = arguments.Positional;
        if (items.Count == 0)
        {
            throw new JinjaException(JinjaErrorKind.Runtime, "TypeError: at least one item has to be provided");
        }

        var instance = new JinjaNamespace();
        var position = 0;
        instance.Attributes["current"] = items[0];
        instance.Attributes["next"] = new JinjaCallable("next", _ =>
        {
            var item = items[position];
            position = (position + 1) % items.Count;
            instance.Attributes["current"] = items[position];
            return item;
        });
        instance.Attributes["reset"] = new JinjaCallable("reset", _ =>
        {
            position = 0;
            instance.Attributes["current"] = items[0];
            return null;
        });
        return instance;
    }

    /// <summary>C's <c>strftime</c> in the C locale.</summary>
    private static string FormatTime(string format, DateTimeOffset time)
    {
        var output = new StringBuilder();
        for (var i = 0; i < format.Length; i++)
        {
            if (format[i] != '%' || i + 1 == format.Length)
            {
                output.Append(format[i]);
                continue;
            }

            i++;
            var unpadded = format[i] == '-' && i + 1 < format.Length;
            i += unpadded ? 1 : 0;
            var text = format[i] switch
            {
                'Y' => Text("yyyy"),
                'y' => Text("yy"),
                'm' => Text("MM"),
                'd' => Text("dd"),
                'e' => time.Day.ToString(CultureInfo.InvariantCulture).PadLeft(2),
                'H' => Text("HH"),
                'I' => Text("hh"),
                'M' => Text("mm"),
                'S' => Text("ss"),
                'f' => Text("ffffff"),
                'p' => Text("tt"),
                'A' => Text("dddd"),
                'a' => Text("ddd"),
                'B' => Text("MMMM"),
                'b' or 'h' => Text("MMM"),
                'j' => time.DayOfYear.ToString("000", CultureInfo.InvariantCulture),
                'w' => ((int)time.DayOfWeek).ToString(CultureInfo.InvariantCulture),
                'F' => Text("yyyy-MM-dd"),
                'T' or 'X' => Text("HH:mm:ss"),
                'R' => Text("HH:mm"),
                'D' or 'x' => Text("MM/dd/yy"),
                'c' => $"{Text("ddd MMM")} {time.Day,2} {Text("HH:mm:ss yyyy")}",
                'z' => time.ToString("zzz", CultureInfo.InvariantCulture).Replace(":", "", StringComparison.Ordinal),
                'Z' => time.Offset == TimeSpan.Zero ? "UTC" : "",
                'n' => "\n",
                't' => "\t",
                '%' => "%",
                _ => $"%{format[i]}",
            };
            output.Append(unpadded ? text.TrimStart('0', ' ') is { Length: > 0 } trimmed ? trimmed : "0" : text);
        }

        return output.ToString();

        string Text(string pattern) => time.ToString(pattern.Length == 1 ? "%" + pattern : pattern, CultureInfo.InvariantCulture);
    }
}
