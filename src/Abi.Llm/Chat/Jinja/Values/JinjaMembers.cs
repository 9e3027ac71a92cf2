using System.Globalization;

namespace Abi.Llm.Chat.Jinja;

/// <summary>Attributes, items and slices of values. What would change a value is refused where it is called, as Jinja's immutable sandbox does.</summary>
internal static class JinjaMembers
{
    private static readonly HashSet<string> UnsafeListMethods = new(["append", "extend", "insert", "pop", "remove", "reverse", "sort", "clear"], StringComparer.Ordinal);
    private static readonly HashSet<string> UnsafeDictionaryMethods = new(["clear", "pop", "popitem", "setdefault", "update"], StringComparer.Ordinal);

    /// <summary><c>target.name</c>: attributes first, then items.</summary>
    public static object? GetAttribute(object? target, string name)
    {
        if (target is JinjaUndefined undefined)
        {
            throw undefined.Error();
        }

        var value = Attribute(target, name);
        return value != JinjaSignature.Absent ? value : target is JinjaDictionary dictionary && dictionary.TryGet(name, out value) ? value : Missing(target, name);
    }

    /// <summary>What the filter <c>attr</c> gives: an attribute, and no item.</summary>
    public static object? GetAttributeOnly(object? target, string name)
    {
        var value = target is JinjaUndefined undefined ? throw undefined.Error() : Attribute(target, name);
        return value != JinjaSignature.Absent ? value : Missing(target, name);
    }

    /// <summary><c>target[key]</c>: items first, then attributes.</summary>
    public static object? GetItem(object? target, object? key)
    {
        switch (target)
        {
            case JinjaUndefined undefined: throw undefined.Error();
            case JinjaDictionary dictionary when IsHashable(key) && dictionary.TryGet(key, out var value): return value;
            case JinjaList list when JinjaNumbers.IsInteger(key): return At(key, list.Count) is { } i ? list[(int)i] : Missing(target, key);
            case JinjaRange range when JinjaNumbers.IsInteger(key): return At(key, range.Count) is { } j ? range[j] : Missing(target, key);
            case string text when JinjaNumbers.IsInteger(key): return At(key, JinjaText.Length(text)) is { } k ? CharacterAt(text, k) : Missing(target, key);
            case JinjaMarkup markup when JinjaNumbers.IsInteger(key): return JinjaMarkup.Wrap(GetItem(markup.Text, key));
            default:
                var found = key is string name ? Attribute(target, name) : JinjaSignature.Absent;
                return found != JinjaSignature.Absent ? found : Missing(target, key);
        }
    }

    public static object? Slice(object? target, object? start, object? stop, object? step)
    {
        if (target is JinjaUndefined undefined)
        {
            throw undefined.Error();
        }

        if (target is JinjaMarkup markup)
        {
            return JinjaMarkup.Wrap(Slice(markup.Text, start, stop, step));
        }

        long count = target is string or JinjaList or JinjaRange ? JinjaOperators.Length(target) : throw JinjaError.Type($"'{JinjaOperators.TypeName(target)}' object cannot be sliced");
        var by = step is null ? 1 : JinjaNumbers.ToInteger(step, "slice indices");
        if (by == 0)
        {
            throw JinjaError.Value("slice step cannot be zero");
        }

        var (low, high) = by > 0 ? (0L, count) : (-1L, count - 1);
        var from = start is null ? by > 0 ? low : high : Clip(JinjaNumbers.ToInteger(start, "slice indices"));
        var to = stop is null ? by > 0 ? high : low : Clip(JinjaNumbers.ToInteger(stop, "slice indices"));
        by = Math.Clamp(by, -count - 1, count + 1);
        switch (target)
        {
            case JinjaRange range: return range.Slice(from, to, by);
            case JinjaList list: return new JinjaList(Indices(from, to, by).Select(i => list[i]), list.IsTuple);
            default:
                var text = (string)target;
                if (by == 1)
                {
                    return from >= to ? "" : text[JinjaText.Offset(text, from)..JinjaText.Offset(text, to)];
                }

                var characters = JinjaText.Characters(text);
                return string.Concat(Indices(from, to, by).Select(i => characters[i]));
        }

        long Clip(long index) => Math.Clamp(index < 0 ? Math.Max(index, -count - 1) + count : index, low, high);
    }

    /// <summary>An attribute path as filters take it: <c>a.b.0</c>, or no path for the value itself.</summary>
    public static object? GetPath(object? target, object? path, object? fallback = null)
    {
        if (path is not string text)
        {
            return path is null ? target : OrFallback(GetItem(target, path));
        }

        foreach (var part in text.Split('.'))
        {
            target = OrFallback(GetItem(target, part.Length > 0 && part.All(char.IsAsciiDigit) ? JinjaNumbers.ParseInteger(part, 10) : part));
        }

        return target;

        object? OrFallback(object? value) => value is JinjaUndefined && fallback is not null ? fallback : value;
    }

    private static IEnumerable<int> Indices(long from, long to, long step)
    {
        for (var i = from; step > 0 ? i < to : i > to; i += step)
        {
            yield return (int)i;
        }
    }

    private static long? At(object? key, long count) => JinjaNumbers.ToInteger(key, "index") is var i && (i < 0 ? i + count : i) is var at && at >= 0 && at < count ? at : null;

    private static string CharacterAt(string text, long index) => JinjaText.Offset(text, index) is var i ? text[i..(i + JinjaText.Offset(text[i..Math.Min(i + 2, text.Length)], 1))] : "";

    private static bool IsHashable(object? key) => key switch
    {
        JinjaList { IsTuple: true } tuple => tuple.TrueForAll(IsHashable),
        JinjaList or JinjaDictionary or JinjaView => false,
        _ => true,
    };

    private static JinjaUndefined Missing(object? target, object? key)
    {
        var type = JinjaOperators.TypeName(target);
        type = target is null ? "None" : type + " object";
        return new(key is string name ? $"UndefinedError: '{type}' has no attribute '{name}'" : $"UndefinedError: {type} has no element {JinjaText.Represent(key)}");
    }

    /// <summary>An attribute that Python's object has, or <see cref="JinjaSignature.Absent"/>.</summary>
    private static object? Attribute(object? target, string name) => target switch
    {
        string text => Present(JinjaStringMethods.Find(text, name)),
        JinjaMarkup markup => Present(JinjaStringMethods.Find(markup, name)),
        JinjaList list => OfList(list, name),
        JinjaDictionary dictionary => OfDictionary(dictionary, name),
        JinjaNamespace instance => instance.Attributes.TryGetValue(name, out var value) ? value : JinjaSignature.Absent,
        JinjaLoop loop => loop.Get(name),
        JinjaCycler cycler => cycler.Get(name),
        JinjaMacro macro => macro.Get(name),
        JinjaSelf self => self.Blocks.TryGetValue(name, out var block) ? block : JinjaSignature.Absent,
        JinjaRange range => OfRange(range, name),
        JinjaView view when name == "mapping" => view.Dictionary,
        double number => OfFloat(number, name),
        _ => JinjaNumbers.IsInteger(target) ? OfInteger(target!, name) : JinjaSignature.Absent,
    };

    private static object Present(JinjaCallable? method) => method ?? JinjaSignature.Absent;

    private static object? OfList(JinjaList list, string name) => name switch
    {
        "index" => new JinjaCallable(name, "/ value start? stop?", a => Index(list, a)),
        "count" => new JinjaCallable(name, "/ value", a => (long)list.Count(item => JinjaOperators.AreEqual(item, a[0]))),
        "copy" when !list.IsTuple => new JinjaCallable(name, "", _ => list),
        "grouper" when list.IsGroup => list[0],
        "list" when list.IsGroup => list[1],
        _ => !list.IsTuple && UnsafeListMethods.Contains(name) ? Unsafe(name, "list") : JinjaSignature.Absent,
    };

    private static long Index(JinjaList list, JinjaArguments a)
    {
        var (start, stop) = (Bound(a.Integer(1, 0)), Bound(a.Integer(2, long.MaxValue)));
        for (var i = (int)start; i < stop; i++)
        {
            if (JinjaOperators.AreEqual(list[i], a[0]))
            {
                return i;
            }
        }

        throw JinjaError.Value($"{JinjaText.Represent(a[0])} is not in list");

        long Bound(long index) => Math.Clamp(index < 0 ? index + list.Count : index, 0, list.Count);
    }

    private static object? OfDictionary(JinjaDictionary dictionary, string name) => name switch
    {
        "items" or "keys" or "values" => new JinjaCallable(name, "", _ => new JinjaView(name, dictionary)),
        "get" => new JinjaCallable(name, "/ key default?", a => dictionary.TryGet(a[0], out var value) ? value : a.GetMarked(1, null)),
        "copy" => new JinjaCallable(name, "", _ => dictionary),
        "fromkeys" => new JinjaCallable(name, "/ iterable value?", a =>
        {
            var result = new JinjaDictionary();
            foreach (var key in JinjaOperators.ToList(a[0], a.Runtime))
            {
                result[key] = a.GetMarked(1, null);
            }

            return result;
        }),
        _ => UnsafeDictionaryMethods.Contains(name) ? Unsafe(name, "dict") : JinjaSignature.Absent,
    };

    private static object? OfRange(JinjaRange range, string name) => name switch
    {
        "start" => JinjaNumbers.Normalize(range.Start),
        "stop" => JinjaNumbers.Normalize(range.Stop),
        "step" => JinjaNumbers.Normalize(range.Step),
        "index" => new JinjaCallable(name, "/ value", a => range.IndexOf(a[0]) is var i and >= 0 ? i : throw JinjaError.Value($"{JinjaText.Represent(a[0])} is not in range")),
        "count" => new JinjaCallable(name, "/ value", a => range.IndexOf(a[0]) >= 0 ? 1L : 0L),
        _ => JinjaSignature.Absent,
    };

    private static object? OfInteger(object value, string name)
    {
        var integer = JinjaNumbers.ToBig(value);
        return name switch
        {
            "real" or "numerator" => JinjaNumbers.Normalize(integer),
            "imag" => 0L,
            "denominator" => 1L,
            "conjugate" => new JinjaCallable(name, "", _ => JinjaNumbers.Normalize(integer)),
            "bit_length" => new JinjaCallable(name, "", _ => (long)System.Numerics.BigInteger.Abs(integer).GetBitLength()),
            "bit_count" => new JinjaCallable(name, "", _ => (long)JinjaNumberFormat.Integer(integer, 'b').Count(c => c == '1')),
            "as_integer_ratio" => new JinjaCallable(name, "", _ => new JinjaList([JinjaNumbers.Normalize(integer), 1L], isTuple: true)),
            _ => JinjaSignature.Absent,
        };
    }

    private static object? OfFloat(double value, string name) => name switch
    {
        "real" => value,
        "imag" => 0.0,
        "conjugate" => new JinjaCallable(name, "", _ => value),
        "is_integer" => new JinjaCallable(name, "", _ => double.IsFinite(value) && value == Math.Floor(value)),
        "as_integer_ratio" => new JinjaCallable(name, "", _ => Ratio(value)),
        "hex" => new JinjaCallable(name, "", _ => Hexadecimal(value)),
        _ => JinjaSignature.Absent,
    };

    private static JinjaList Ratio(double value)
    {
        JinjaNumbers.Truncate(value); // refuses what is not finite
        var shift = 0;
        for (; value != Math.Floor(value); shift++)
        {
            value *= 2;
        }

        return new JinjaList([JinjaNumbers.Truncate(value), JinjaNumbers.Normalize(System.Numerics.BigInteger.One << shift)], isTuple: true);
    }

    private static string Hexadecimal(double value)
    {
        if (!double.IsFinite(value))
        {
            return JinjaDecimal.Shortest(value);
        }

        var bits = BitConverter.DoubleToInt64Bits(value);
        var exponent = (int)((bits >> 52) & 0x7ff);
        var (lead, power) = exponent == 0 ? (0, value == 0 ? 0 : -1022) : (1, exponent - 1023);
        var digits = (bits & ((1L << 52) - 1)).ToString("x13", CultureInfo.InvariantCulture);
        return $"{(double.IsNegative(value) ? "-" : "")}0x{lead}.{(value == 0 ? "0" : digits)}p{(power < 0 ? "" : "+")}{power}";
    }

    private static JinjaUndefined Unsafe(string name, string type) => new($"SecurityError: access to attribute '{name}' of '{type}' object is unsafe.");
}
