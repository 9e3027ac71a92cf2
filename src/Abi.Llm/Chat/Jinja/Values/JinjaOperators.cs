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
        JinjaRange range => range.Count > 0,
        JinjaView view => view.Dictionary.Count > 0,
        JinjaLoop loop => loop.Length > 0,
        _ => true,
    };

    public static string TypeName(object? value) => value switch
    {
        null => "NoneType",
        bool => "bool",
        double => "float",
        string => "str",
        JinjaMarkup => "Markup",
        JinjaList { IsTuple: true } => "tuple",
        JinjaList => "list",
        JinjaDictionary => "dict",
        JinjaUndefined => "Undefined",
        JinjaNamespace => "Namespace",
        JinjaRange => "range",
        JinjaView view => "dict_" + view.Name,
        JinjaIterator iterator => iterator.TypeName,
        JinjaLoop => "LoopContext",
        JinjaMacro => "Macro",
        JinjaSelf => "TemplateReference",
        JinjaCycler => "Cycler",
        _ => JinjaNumbers.IsInteger(value) ? "int" : "function",
    };

    public static bool AreEqual(object? a, object? b)
    {
        (a, b) = (JinjaMarkup.Unwrap(a), JinjaMarkup.Unwrap(b));
        if (JinjaNumbers.IsNumber(a) && JinjaNumbers.IsNumber(b))
        {
            return JinjaNumbers.Compare(a!, b!) == 0;
        }

        switch (a, b)
        {
            case (null, null) or (JinjaUndefined, JinjaUndefined): return true;
            case (string x, string y):
                JinjaRuntime.Look(x.Length == y.Length ? x.Length : 0);
                return string.Equals(x, y, StringComparison.Ordinal);
            case (JinjaList x, JinjaList y):
                JinjaRuntime.Descend();
                return ReferenceEquals(x, y) || (x.IsTuple == y.IsTuple && x.Count == y.Count && x.Zip(y).All(pair => AreSame(pair.First, pair.Second)));
            case (JinjaDictionary x, JinjaDictionary y):
                JinjaRuntime.Descend();
                return ReferenceEquals(x, y) || (x.Count == y.Count && x.Entries.All(entry => y.TryGet(entry.Key, out var other) && AreSame(entry.Value, other)));
            case (JinjaRange x, JinjaRange y): return x.IsSame(y);
            case (JinjaView { Name: not "values" } x, JinjaView { Name: not "values" } y): return x.Dictionary.Count == y.Dictionary.Count && x.Items().All(y.Contains);
            default: return ReferenceEquals(a, b);
        }
    }

    /// <summary>A hash that equal keys share; what can change has none.</summary>
    public static int Hash(object? key)
    {
        switch (key)
        {
            case string text: return string.GetHashCode(text, StringComparison.Ordinal);
            case JinjaMarkup markup: return string.GetHashCode(markup.Text, StringComparison.Ordinal);
            case double number when number == Math.Floor(number) && double.IsFinite(number): return JinjaNumbers.ToBig(JinjaNumbers.Truncate(number)).GetHashCode();
            case double number: return number.GetHashCode();
            case JinjaList { IsTuple: true } tuple:
                JinjaRuntime.Descend();
                var hash = new HashCode();
                foreach (var item in tuple)
                {
                    hash.Add(Hash(item));
                }

                return hash.ToHashCode();
            case JinjaList or JinjaDictionary or JinjaView { Name: not "values" }: throw JinjaError.Type($"unhashable type: '{TypeName(key)}'");
            case JinjaUndefined: return 1;
            case JinjaRange range: return HashCode.Combine(range.Count, range.Count > 0 ? range.Start : 0, range.Count > 1 ? range.Step : 0);
            default: return JinjaNumbers.IsInteger(key) ? JinjaNumbers.ToBig(key).GetHashCode() : System.Runtime.CompilerServices.RuntimeHelpers.GetHashCode(key);
        }
    }

    /// <summary>Whether <c>a operation b</c> holds, for <c>&lt;</c>, <c>&gt;</c>, <c>&lt;=</c> and <c>&gt;=</c>; strings are ordered by code point.</summary>
    public static bool Holds(string operation, object? a, object? b)
    {
        var order = Order(operation, JinjaMarkup.Unwrap(a), JinjaMarkup.Unwrap(b));
        return operation switch
        {
            "<" => order < 0,
            ">" => order > 0,
            "<=" => order <= 0,
            _ => order >= 0,
        };
    }

    public static bool IsLess(object? a, object? b) => Holds("<", a, b);

    public static bool Contains(object? container, object? item)
    {
        (container, item) = (JinjaMarkup.Unwrap(container), JinjaMarkup.Unwrap(item));
        return container switch
        {
            string text => item is string part ? JinjaText.IndexOf(text, part) >= 0 : throw JinjaError.Type($"'in <string>' requires string as left operand, not {TypeName(item)}"),
            JinjaDictionary dictionary => dictionary.TryGet(item, out _),
            JinjaView view => view.Contains(item),
            JinjaRange range => range.IndexOf(item) >= 0,
            JinjaList or JinjaIterator or JinjaUndefined or JinjaLoop => Iterate(container).Any(element => AreSame(element, item)),
            _ => throw JinjaError.Type($"argument of type '{TypeName(container)}' is not iterable"),
        };
    }

    public static object? Calculate(string operation, object? left, object? right, JinjaRuntime runtime)
    {
        if (left is JinjaMarkup || right is JinjaMarkup)
        {
            if (JinjaMarkup.Calculate(operation, left, right, runtime) is { } marked)
            {
                return marked;
            }

            (left, right) = (JinjaMarkup.Unwrap(left), JinjaMarkup.Unwrap(right));
        }

        if (operation == "%" && left is string format)
        {
            return JinjaFormat.Percent(format, right, runtime);
        }

        if (left is JinjaUndefined || right is JinjaUndefined)
        {
            throw ((JinjaUndefined)(left is JinjaUndefined ? left : right!)).Error();
        }

        if (JinjaNumbers.IsNumber(left) && JinjaNumbers.IsNumber(right))
        {
            return JinjaNumbers.Calculate(operation, left!, right!);
        }

        switch (operation, left, right)
        {
            case ("+", string a, string b):
                runtime.CheckCharacters(a.Length + (long)b.Length);
                return string.Concat(a, b);
            case ("+", JinjaList a, JinjaList b) when a.IsTuple == b.IsTuple:
                runtime.CheckElements(a.Count + (long)b.Count);
                return new JinjaList([.. a, .. b], a.IsTuple);
            case ("*", string text, _) when JinjaNumbers.IsInteger(right): return Repeat(text, right, runtime);
            case ("*", _, string text) when JinjaNumbers.IsInteger(left): return Repeat(text, left, runtime);
            case ("*", JinjaList list, _) when JinjaNumbers.IsInteger(right): return Repeat(list, right, runtime);
            case ("*", _, JinjaList list) when JinjaNumbers.IsInteger(left): return Repeat(list, left, runtime);
            default: throw JinjaError.Type($"unsupported operand type(s) for {operation}: '{TypeName(left)}' and '{TypeName(right)}'");
        }
    }

    /// <summary>The elements of a value, as a loop sees them: a string's characters, a dictionary's keys.</summary>
    public static IEnumerable<object?> Iterate(object? value) => value switch
    {
        JinjaList list => list,
        JinjaDictionary dictionary => dictionary.Keys,
        string text => JinjaText.Characters(text),
        JinjaMarkup markup => JinjaText.Characters(markup.Text),
        JinjaIterator iterator => iterator.Rest(),
        JinjaRange range => range.Items(),
        JinjaView view => view.Items(),
        JinjaLoop loop => loop.Pairs(),
        JinjaUndefined => [],
        _ => throw JinjaError.Type($"'{TypeName(value)}' object is not iterable"),
    };

    /// <summary>The elements of a value as a list, within the limits.</summary>
    public static JinjaList ToList(object? value, JinjaRuntime runtime)
    {
        if (value is JinjaList list)
        {
            return list;
        }

        var result = new JinjaList();
        foreach (var item in Iterate(value))
        {
            result.Add(item);
            if (result.Count > runtime.Limits.Elements)
            {
                break;
            }
        }

        runtime.CheckElements(result.Count);
        return result;
    }

    public static long Length(object? value) => value switch
    {
        string text => JinjaText.Length(text),
        JinjaMarkup markup => JinjaText.Length(markup.Text),
        JinjaList list => list.Count,
        JinjaDictionary dictionary => dictionary.Count,
        JinjaRange range => range.Count,
        JinjaView view => view.Dictionary.Count,
        JinjaLoop loop => loop.Length,
        JinjaUndefined => 0,
        _ => throw JinjaError.Type($"object of type '{TypeName(value)}' has no len()"),
    };

    private static bool AreSame(object? a, object? b) => ReferenceEquals(a, b) || AreEqual(a, b);

    /// <summary>Less than, equal or greater; null where no order holds (a NaN).</summary>
    private static int? Order(string operation, object? a, object? b)
    {
        if (JinjaNumbers.IsNumber(a) && JinjaNumbers.IsNumber(b))
        {
            return JinjaNumbers.Compare(a!, b!);
        }

        switch (a, b)
        {
            case (string x, string y): return CompareCodePoints(x, y);
            case (JinjaList x, JinjaList y) when x.IsTuple == y.IsTuple:
                JinjaRuntime.Descend();
                for (var i = 0; i < Math.Min(x.Count, y.Count); i++)
                {
                    if (!AreSame(x[i], y[i]))
                    {
                        return Order(operation, JinjaMarkup.Unwrap(x[i]), JinjaMarkup.Unwrap(y[i]));
                    }
                }

                return x.Count.CompareTo(y.Count);
            case (JinjaUndefined undefined, _): throw undefined.Error();
            case (_, JinjaUndefined undefined): throw undefined.Error();
            default: throw JinjaError.Type($"'{operation}' not supported between instances of '{TypeName(a)}' and '{TypeName(b)}'");
        }
    }

    private static string Repeat(string text, object? count, JinjaRuntime runtime)
    {
        var times = text.Length == 0 ? 0 : Math.Max(JinjaNumbers.ToInteger(count, "*"), 0);
        runtime.CheckCharacters(times > 0 && text.Length > int.MaxValue / times ? long.MaxValue : text.Length * times);
        return new StringBuilder().Insert(0, text, (int)times).ToString();
    }

    private static JinjaList Repeat(JinjaList list, object? count, JinjaRuntime runtime)
    {
        var times = list.Count == 0 ? 0 : Math.Max(JinjaNumbers.ToInteger(count, "*"), 0);
        runtime.CheckElements(times > 0 && list.Count > int.MaxValue / times ? long.MaxValue : list.Count * times);
        return new JinjaList(Enumerable.Repeat(list, (int)times).SelectMany(items => items), list.IsTuple);
    }

    private static int CompareCodePoints(string a, string b)
    {
        var i = 0;
        while (i < a.Length && i < b.Length && a[i] == b[i])
        {
            i++;
        }

        JinjaRuntime.Look(i);
        if (i == a.Length || i == b.Length)
        {
            return a.Length.CompareTo(b.Length);
        }

        // Surrogates stand for code points above all others.
        var (x, y) = (char.IsSurrogate(a[i]) ? a[i] + 0x10000 : a[i], char.IsSurrogate(b[i]) ? b[i] + 0x10000 : b[i]);
        return x.CompareTo(y);
    }
}
