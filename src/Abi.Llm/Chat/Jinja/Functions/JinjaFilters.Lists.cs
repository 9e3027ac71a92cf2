namespace Abi.Llm.Chat.Jinja;

/// <summary>The filters over lists and dictionaries.</summary>
internal static partial class JinjaFilters
{
    private static object? First(object? value, JinjaArguments arguments)
    {
        foreach (var item in JinjaOperators.Iterate(value))
        {
            return item;
        }

        return new JinjaUndefined("UndefinedError: No first item, sequence was empty.");
    }

    private static object? Last(object? value, JinjaArguments arguments) => Reversed(value) is { } items
        ? items.FirstOrDefault(new JinjaUndefined("UndefinedError: No last item, sequence was empty."))
        : throw JinjaError.Type($"'{JinjaOperators.TypeName(value)}' object is not reversible");

    private static object? Reverse(object? value, JinjaArguments arguments)
    {
        if (value is string or JinjaMarkup)
        {
            return OnText(value, text => string.Concat(Enumerable.Reverse(JinjaText.Characters(text))));
        }

        return Reversed(value) is { } items
            ? new JinjaIterator(items, value is JinjaList { IsTuple: false } ? "list_reverseiterator" : "reversed")
            : new JinjaList(Enumerable.Reverse(JinjaOperators.ToList(value, arguments.Runtime)));
    }

    /// <summary>The elements from the last; null where Python's <c>reversed</c> takes no such value.</summary>
    private static IEnumerable<object?>? Reversed(object? value) => value switch
    {
        JinjaList list => Enumerable.Reverse(list),
        JinjaRange { Count: 0 } => [],
        JinjaRange range => range.Reversed().Items(),
        string or JinjaMarkup or JinjaDictionary or JinjaView => JinjaOperators.Iterate(value).Reverse(),
        JinjaUndefined => [],
        _ => null,
    };

    private static IEnumerable<object?> Items(object? value)
    {
        if (value is JinjaUndefined)
        {
            yield break;
        }

        foreach (var item in new JinjaView("items", value as JinjaDictionary ?? throw JinjaError.Type("Can only get item pairs from a mapping.")).Items())
        {
            yield return item;
        }
    }

    private static IEnumerable<object?> Batch(object? value, JinjaArguments arguments)
    {
        var (size, fill) = (arguments.Get(0, null), arguments.GetMarked(1, null));
        var row = new JinjaList();
        foreach (var item in JinjaOperators.Iterate(value))
        {
            if (JinjaOperators.AreEqual((long)row.Count, size))
            {
                yield return row;
                row = [];
            }

            arguments.Runtime.Step();
            row.Add(item);
        }

        if (row.Count > 0)
        {
            if (fill is not null && JinjaOperators.IsLess((long)row.Count, size))
            {
                var missing = JinjaNumbers.ToInteger(size, "batch") - row.Count;
                arguments.Runtime.CheckElements(missing);
                row.AddRange(Enumerable.Repeat(fill, (int)missing));
            }

            yield return row;
        }
    }

    private static IEnumerable<object?> Slice(object? value, JinjaArguments arguments)
    {
        var items = JinjaOperators.ToList(value, arguments.Runtime);
        var (slices, fill) = (arguments.Integer(0, 1), arguments.GetMarked(1, null));
        if (slices == 0)
        {
            throw JinjaError.Other("ZeroDivisionError: integer division or modulo by zero");
        }

        var (each, extra) = Math.DivRem(items.Count, slices);
        var offset = 0;
        for (long i = 0; i < slices; i++)
        {
            arguments.Runtime.Step();
            var take = (int)(each + (i < extra ? 1 : 0));
            var part = new JinjaList(items.GetRange(offset, take));
            offset += take;
            if (i >= extra && fill is not null)
            {
                part.Add(fill);
            }

            yield return part;
        }
    }

    private static IEnumerable<object?> Map(object? value, JinjaArguments arguments)
    {
        if (!JinjaOperators.IsTrue(value))
        {
            yield break;
        }

        var apply = Mapping(arguments);
        foreach (var item in JinjaOperators.Iterate(value))
        {
            arguments.Runtime.Step();
            yield return apply(item);
        }
    }

    private static Func<object?, object?> Mapping(JinjaArguments arguments)
    {
        if (arguments.Positional.Count == 0 && arguments.Named.TryGetValue("attribute", out var attribute))
        {
            var hasDefault = arguments.Named.TryGetValue("default", out var fallback);
            return arguments.Named.Count == (hasDefault ? 2 : 1)
                ? item => JinjaMembers.GetPath(item, attribute, fallback)
                : throw JinjaError.Other("FilterArgumentError: Unexpected keyword argument of map");
        }

        if (arguments.Positional.Count == 0)
        {
            throw JinjaError.Other("FilterArgumentError: map requires a filter argument");
        }

        var name = JinjaText.ToText(arguments[0]);
        var filter = Find(name) ?? throw JinjaError.Other($"TemplateRuntimeError: No filter named '{name}'.");
        var rest = arguments with { Function = name, Positional = [.. arguments.Positional.Skip(1)] };
        return item => filter.Apply(item, rest);
    }

    private static IEnumerable<object?> Select(object? value, JinjaArguments arguments, bool byAttribute, bool keep)
    {
        // Nothing (none, undefined) selects nothing, whatever the arguments.
        if (!JinjaOperators.IsTrue(value))
        {
            yield break;
        }

        var holds = Selection(arguments, byAttribute);
        foreach (var item in JinjaOperators.Iterate(value))
        {
            arguments.Runtime.Step();
            if (holds(item) == keep)
            {
                yield return item;
            }
        }
    }

    private static Func<object?, bool> Selection(JinjaArguments arguments, bool byAttribute)
    {
        if (byAttribute && arguments.Positional.Count == 0)
        {
            throw JinjaError.Other("FilterArgumentError: Missing parameter for attribute name");
        }

        var used = byAttribute ? 1 : 0;
        var attribute = byAttribute ? arguments[0] : null;
        if (arguments.Positional.Count <= used)
        {
            return item => JinjaOperators.IsTrue(JinjaMembers.GetPath(item, attribute));
        }

        var name = JinjaText.ToText(arguments[used]);
        var test = JinjaTests.Find(name) ?? throw JinjaError.Other($"TemplateRuntimeError: No test named '{name}'.");
        var rest = arguments with { Function = name, Positional = [.. arguments.Positional.Skip(used + 1)] };
        return item => test.Holds(JinjaMembers.GetPath(item, attribute), rest);
    }

    private static object? Sum(object? value, JinjaArguments arguments)
    {
        var attribute = arguments.Get(0, null);
        var total = arguments.Get(1, 0L);
        if (total is string)
        {
            throw JinjaError.Type("sum() can't sum strings [use ''.join(seq) instead]");
        }

        foreach (var item in JinjaOperators.Iterate(value))
        {
            arguments.Runtime.Step();
            total = JinjaOperators.Calculate("+", total, JinjaMembers.GetPath(item, attribute), arguments.Runtime);
        }

        return total;
    }

    private static object? Extreme(object? value, JinjaArguments arguments, string operation)
    {
        var key = Key(arguments.Runtime, arguments.Get(1, null), arguments.Flag(0, false));
        var items = JinjaOperators.ToList(value, arguments.Runtime);
        if (items.Count == 0)
        {
            return new JinjaUndefined("UndefinedError: No aggregated item, sequence was empty.");
        }

        var (best, bestKey) = (items[0], key(items[0]));
        foreach (var item in items.Skip(1))
        {
            var itemKey = key(item);
            (best, bestKey) = JinjaOperators.Holds(operation, itemKey, bestKey) ? (item, itemKey) : (best, bestKey);
        }

        return best;
    }

    private static JinjaList Sort(object? value, JinjaArguments arguments)
    {
        // Several attributes, parted by commas, are compared one after another.
        var caseSensitive = arguments.Flag(1, false);
        var keys = arguments.Get(2, null) is string attributes
            ? attributes.Split(',').Select(attribute => Key(arguments.Runtime, attribute, caseSensitive)).ToList()
            : [Key(arguments.Runtime, arguments.Get(2, null), caseSensitive)];
        return JinjaSorting.Sort(JinjaOperators.ToList(value, arguments.Runtime), item => new JinjaList(keys.Select(key => key(item))), arguments.Flag(0, false), arguments.Runtime);
    }

    private static JinjaList DictionarySort(object? value, JinjaArguments arguments)
    {
        var position = arguments.Get(1, "key") switch
        {
            "key" => 0,
            "value" => 1,
            _ => throw JinjaError.Other("FilterArgumentError: You can only sort by either \"key\" or \"value\""),
        };
        var dictionary = value as JinjaDictionary ?? throw JinjaError.Other($"AttributeError: '{JinjaOperators.TypeName(value)}' object has no attribute 'items'");
        var fold = Key(arguments.Runtime, null, arguments.Flag(0, false));
        return JinjaSorting.Sort(new JinjaList(new JinjaView("items", dictionary).Items()), item => fold(((JinjaList)item!)[position]), arguments.Flag(2, false), arguments.Runtime);
    }

    private static JinjaList GroupBy(object? value, JinjaArguments arguments)
    {
        var (attribute, fallback) = (arguments.Get(0, null), arguments.GetMarked(1, null));
        var key = Key(arguments.Runtime, attribute, arguments.Flag(2, false), fallback);
        var groups = new JinjaList();
        JinjaList? members = null;
        object? current = null;
        foreach (var item in JinjaSorting.Sort(JinjaOperators.ToList(value, arguments.Runtime), key, reverse: false, arguments.Runtime))
        {
            var itemKey = key(item);
            if (members is null || !JinjaOperators.AreEqual(itemKey, current))
            {
                members = [];
                current = itemKey;
                groups.Add(new JinjaList([JinjaMembers.GetPath(item, attribute, fallback), members], isTuple: true) { IsGroup = true });
            }

            members.Add(item);
        }

        return groups;
    }

    private static IEnumerable<object?> Unique(object? value, JinjaArguments arguments)
    {
        var key = Key(arguments.Runtime, arguments.Get(1, null), arguments.Flag(0, false));
        var seen = new JinjaDictionary();
        foreach (var item in JinjaOperators.Iterate(value))
        {
            arguments.Runtime.Step();
            var itemKey = key(item);
            if (!seen.TryGet(itemKey, out _))
            {
                seen[itemKey] = null;
                yield return item;
            }
        }
    }

    /// <summary>What items are ordered by: an attribute, strings without their case unless asked.</summary>
    private static Func<object?, object?> Key(JinjaRuntime runtime, object? attribute, bool caseSensitive, object? fallback = null) => item =>
    {
        var value = JinjaMarkup.Unwrap(JinjaMembers.GetPath(item, attribute, fallback));
        return value is string text && !caseSensitive ? runtime.Bound(JinjaUnicode.Lower(text)) : value;
    };
}
