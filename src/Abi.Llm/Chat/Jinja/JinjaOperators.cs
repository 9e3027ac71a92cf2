using System.Text;

namespace Abi.Llm.Chat.Jinja;

/// <summary>Truth, equality, order, membership and the operators of values.</summary>
internal static class JinjaOperators
{
    public static bool IsTrue(object? value) => value switch
    {
        null or JinjaUndefined => false,
        bool flag => flag,
        long number => number != 0,
        double number => number != 0,
        string text => text.Length > 0,
        JinjaMarkup markup => markup.Text.Length > 0,
        JinjaList list => list.Count > 0,
        JinjaDictionary dictionary => dictionary.Count > 0,
        _ => true,
    };

    public static string TypeName(object? value) => value switch
    {
        null => "NoneType",
        bool => "bool",
        long => "int",
        double => "float",
        string => "str",
        JinjaList { IsTuple: true } => "tuple",
        JinjaList => "list",
        JinjaDictionary => "dict",
        JinjaUndefined => "Undefined",
        JinjaNamespace => "Namespace",
        _ => "function",
    };

    public static bool AreEqual(object? a, object? b)
    {
        if (JinjaNumbers.IsNumber(a) && JinjaNumbers.IsNumber(b))
        {
            return a is double || b is double ? JinjaNumbers.ToDouble(a) == JinjaNumbers.ToDouble(b) : JinjaNumbers.ToLong(a) == JinjaNumbers.ToLong(b);
        }

        return (a, b) switch
        {
            (null, null) or (JinjaUndefined, JinjaUndefined) => true,
            (string x, string y) => string.Equals(x, y, StringComparison.Ordinal),
            (JinjaList x, JinjaList y) => x.IsTuple == y.IsTuple && x.Count == y.Count && x.Zip(y).All(pair => AreEqual(pair.First, pair.Second)),
            (JinjaDictionary x, JinjaDictionary y) => x.Count == y.Count && x.Entries.All(entry => y.TryGet(entry.Key, out var other) && AreEqual(entry.Value, other)),
            _ => ReferenceEquals(a, b),
        };
    }

    /// <summary>Less than, equal or greater, as Python orders; strings by code point.</summary>
    public static int Compare(object? a, object? b, string operation = "<")
    {
        if (JinjaNumbers.IsNumber(a) && JinjaNumbers.IsNumber(b))
        {
            return a is double || b is double ? JinjaNumbers.ToDouble(a).CompareTo(JinjaNumbers.ToDouble(b)) : JinjaNumbers.ToLong(a).CompareTo(JinjaNumbers.ToLong(b));
        }

        switch (a, b)
        {
            case (string x, string y): return CompareCodePoints(x, y);
            case (JinjaList x, JinjaList y) when x.IsTuple == y.IsTuple:
                for (var i = 0; i < Math.Min(x.Count, y.Count); i++)
                {
                    if (!AreEqual(x[i], y[i]))
                    {
                        return Compare(x[i], y[i], operation);
                    }
                }

                return x.Count.CompareTo(y.Count);
            case (JinjaUndefined undefined, _): throw undefined.Error();
            case (_, JinjaUndefined undefined): throw undefined.Error();
            default: throw new JinjaException(JinjaErrorKind.Runtime, $"TypeError: '{operation}' not supported between instances of '{TypeName(a)}' and '{TypeName(b)}'");
        }
    }

    public static bool Contains(object? container, object? item) => container switch
    {
        string text => item is string part ? text.Contains(part, StringComparison.Ordinal) : throw new JinjaException(JinjaErrorKind.Runtime, $"TypeError: 'in <string>' requires string as left operand, not {TypeName(item)}"),
        JinjaList list => list.Exists(element => AreEqual(element, item)),
        JinjaDictionary dictionary => dictionary.TryGet(item, out _),
        JinjaUndefined => false,
        _ => throw new JinjaException(JinjaErrorKind.Runtime, $"TypeError: argument of type '{TypeName(container)}' is not iterable"),
    };

    public static object? Calculate(string operation, object? left, object? right, JinjaRuntime runtime)
    {
        if (left is JinjaUndefined || right is JinjaUndefined)
        {
            throw ((JinjaUndefined)(left is JinjaUndefined ? left : right!)).Error();
        }

        if (JinjaNumbers.IsNumber(left) && JinjaNumbers.IsNumber(right))
        {
            return JinjaNumbers.Calculate(operation, left, right);
        }

        switch (operation, left, right)
        {
            case ("+", string a, string b): return runtime.Bound(string.Concat(a, b));
            case ("+", JinjaList a, JinjaList b) when a.IsTuple == b.IsTuple:
                runtime.CheckElements(a.Count + (long)b.Count);
                return new JinjaList([.. a, .. b], a.IsTuple);
            case ("*", string text, long or bool): return Repeat(text, JinjaNumbers.ToLong(right), runtime);
            case ("*", long or bool, string text): return Repeat(text, JinjaNumbers.ToLong(left), runtime);
            case ("*", JinjaList list, long or bool): return Repeat(list, JinjaNumbers.ToLong(right), runtime);
            case ("*", long or bool, JinjaList list): return Repeat(list, JinjaNumbers.ToLong(left), runtime);
            case ("%", string format, _): return JinjaFormat.Percent(format, right is JinjaList { IsTuple: true } tuple ? tuple : [right], right as JinjaDictionary, runtime);
            default: throw new JinjaException(JinjaErrorKind.Runtime, $"TypeError: unsupported operand type(s) for {operation}: '{TypeName(left)}' and '{TypeName(right)}'");
        }
    }

    /// <summary>The elements of a value, as a loop sees them: a string's characters, a dictionary's keys.</summary>
    public static JinjaList Iterate(object? value) => value switch
    {
        JinjaList list => list,
        JinjaDictionary dictionary => new JinjaList(dictionary.Keys),
        string text => new JinjaList(JinjaText.Characters(text)),
        JinjaUndefined => [],
        _ => throw new JinjaException(JinjaErrorKind.Runtime, $"TypeError: '{TypeName(value)}' object is not iterable"),
    };

    public static long Length(object? value) => value switch
    {
        string text => JinjaText.Length(text),
        JinjaList list => list.Count,
        JinjaDictionary dictionary => dictionary.Count,
        JinjaUndefined => 0,
        _ => throw new JinjaException(JinjaErrorKind.Runtime, $"TypeError: object of type '{TypeName(value)}' has no len()"),
    };

    private static string Repeat(string text, long times, JinjaRuntime runtime)
    {
        times = Math.Max(times, 0);
        runtime.CheckCharacters(times > 0 && text.Length > int.MaxValue / times ? long.MaxValue : text.Length * times);
        return new StringBuilder().Insert(0, text, (int)times).ToString();
    }

    private static JinjaList Repeat(JinjaList list, long times, JinjaRuntime runtime)
    {
        times = Math.Max(times, 0);
        runtime.CheckElements(list.Count > 0 && times > int.MaxValue / list.Count ? long.MaxValue : list.Count * times);
        return new JinjaList(Enumerable.Repeat(list, (int)(list.Count == 0 ? 0 : times)).SelectMany(items => items), list.IsTuple);
    }

    private static int CompareCodePoints(string a, string b)
    {
        var i = 0;
        while (i < a.Length && i < b.Length && a[i] == b[i])
        {
            i++;
        }

        if (i == a.Length || i == b.Length)
        {
            return a.Length.CompareTo(b.Length);
        }

        // Surrogates stand for code points above all others.
        var (x, y) = (char.IsSurrogate(a[i]) ? a[i] + 0x10000 : a[i], char.IsSurrogate(b[i]) ? b[i] + 0x10000 : b[i]);
        return x.CompareTo(y);
    }
}
