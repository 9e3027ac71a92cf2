using System.Numerics;

namespace Abi.Llm.Chat.Jinja;

/// <summary>The functions that every template sees: Jinja's own, and <c>raise_exception</c> and <c>strftime_now</c> of chat templates.</summary>
internal static class JinjaGlobals
{
    private const int MostInRange = 100_000;

    private static readonly Dictionary<string, JinjaCallable> Functions = new JinjaCallable[]
    {
        new("range", "/ start stop? step?", Range),
        new("dict", "/ source? **", arguments => MakeDictionary(arguments)),
        new("namespace", "/ source? **", MakeNamespace),
        new("raise_exception", "message", arguments => throw new JinjaException(JinjaErrorKind.Raised, JinjaText.ToText(arguments[0]))),
        new("strftime_now", "format", arguments => JinjaTime.Format(arguments.RequireText(0), arguments.Runtime)),
        new("joiner", "sep?", MakeJoiner),
        new("cycler", "/ *", arguments => arguments.Positional.Count > 0 ? new JinjaCycler(arguments.Positional) : throw JinjaError.Other("RuntimeError: at least one item has to be provided")),
        new("lipsum", "n? html? min? max?", _ => throw JinjaError.Other("lipsum() makes random text and is not available in chat templates")),
    }.ToDictionary(function => function.Name, StringComparer.Ordinal);

    public static bool TryGet(string name, out object? value)
    {
        var found = Functions.TryGetValue(name, out var function);
        value = function;
        return found;
    }

    private static JinjaRange Range(JinjaArguments arguments)
    {
        var first = Number(0);
        var (start, stop) = arguments.Has(1) ? (first, Number(1)) : (0, first);
        var step = arguments.Has(2) ? Number(2) : 1;
        if (step.IsZero)
        {
            throw JinjaError.Value("range() arg 3 must not be zero");
        }

        if (step.Sign > 0 ? start >= stop : start <= stop)
        {
            return BigInteger.Abs(start) <= int.MaxValue && BigInteger.Abs(stop) <= int.MaxValue && BigInteger.Abs(step) <= int.MaxValue
                ? new JinjaRange((long)start, (long)stop, (long)step)
                : new JinjaRange(0, 0, 1);
        }

        // Jinja's sandbox allows no more.
        var count = ((BigInteger.Abs(stop - start) - 1) / BigInteger.Abs(step)) + 1;
        return count <= MostInRange && BigInteger.Abs(start) < long.MaxValue && BigInteger.Abs(stop) < long.MaxValue && BigInteger.Abs(step) < long.MaxValue
            ? new JinjaRange((long)start, (long)stop, (long)step)
            : throw JinjaError.Overflow($"Range too big. The sandbox blocks ranges larger than MAX_RANGE ({MostInRange}).");

        BigInteger Number(int index) => arguments[index] is BigInteger big ? big : JinjaNumbers.ToInteger(arguments[index], "range");
    }

    private static JinjaDictionary MakeDictionary(JinjaArguments arguments)
    {
        var dictionary = new JinjaDictionary();
        if (arguments.Has(0))
        {
            var entries = arguments[0] is JinjaDictionary other
                ? other.Entries
                : JinjaOperators.ToList(arguments[0], arguments.Runtime).Select(pair => JinjaOperators.ToList(pair, arguments.Runtime) is { Count: 2 } items
                    ? KeyValuePair.Create(items[0], items[1])
                    : throw JinjaError.Value("dictionary update sequence element has not length 2; 2 is required"));
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
        var separator = arguments.GetMarked(0, ", ");
        var isUsed = false;
        return new JinjaCallable("joiner", "", _ =>
        {
            var text = isUsed ? separator : "";
            isUsed = true;
            return text;
        });
    }
}
