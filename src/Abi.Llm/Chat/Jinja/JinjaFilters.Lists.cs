namespace Abi.Llm.Chat.Jinja;

/// <summary>The filters over lists and dictionaries.</summary>
internal static partial class JinjaFilters
{
    private static JinjaList List(object? value, JinjaArguments arguments)
    {
        var list = JinjaOperators.Iterate(value);
        arguments.Runtime.CheckElements(list.Count);
        return new JinjaList(list);
    }

    private static JinjaList Batch(object? value, JinjaArguments arguments)
    {
        var size = (int)Math.Clamp(arguments.Integer(0, "linecount", 1), 1, int.MaxValue);
        var result = new JinjaList();
        foreach (var chunk in JinjaOperators.Iterate(value).Chunk(size))
        {
            var row = new JinjaList(chunk);
            if (arguments.Get(1, "fill_with", null) is { } fill)
            {
                arguments.Runtime.CheckElements(size);
                row.AddRange(Enumerable.Repeat<object?>(fill, size - row.Count));
            }

            result.Add(row);
        }

        return result;
    }

    private static JinjaList Slice(object? value, JinjaArguments arguments)
    {
        var items = JinjaOperators.Iterate(value);
        var slices = arguments.Integer(0, "slices", 1);
        arguments.Runtime.CheckElements(slices);
        slices = Math.Max(slices, 1);
        var (each, extra) = Math.DivRem(items.Count, slices);
        var result = new JinjaList();
        var offset = 0;
        for (long i = 0; i < slices; i++)
        {
            var take = (int)(each + (i < extra ? 1 : 0));
            var part = new JinjaList(items.GetRange(offset, take));
            offset += take;
            if (i >= extra && arguments.Get(1, "fill_with", null) is { } fill)
            {
                part.Add(fill);
            }

            result.Add(part);
        }

        return result;
    }

    private static string Join(object? value, JinjaArguments arguments)
    {
        var attribute = arguments.Get(1, "attribute", null);
        var items = JinjaOperators.Iterate(value).Select(item => JinjaText.ToText(attribute is null ? item : JinjaMembers.GetPath(item, attribute)));
        return arguments.Runtime.Bound(string.Join(arguments.Text(0, "d", ""), items));
    }

    private static JinjaList Map(object? value, JinjaArguments arguments)
    {
        var items = JinjaOperators.IsTrue(value) ? JinjaOperators.Iterate(value) : [];
        arguments.Runtime.Charge(items.Count);
        if (arguments.Named.TryGetValue("attribute", out var attribute))
        {
            return new JinjaList(items.Select(item => JinjaMembers.GetPath(item, attribute) is var found && found is JinjaUndefined && arguments.Named.TryGetValue("default", out var fallback) ? fallback : found));
        }

        var name = arguments.RequireText(0, "filter");
        var filter = Find(name) ?? throw new JinjaException(JinjaErrorKind.Runtime, $"TemplateRuntimeError: No filter named '{name}'.");
        var rest = arguments with { Function = name, Positional = [.. arguments.Positional.Skip(1)] };
        return new JinjaList(items.Select(item => filter(item, rest)));
    }

    private static JinjaList Select(object? value, JinjaArguments arguments, bool byAttribute, bool keep)
    {
        // Nothing (none, undefined) selects nothing, as in Jinja.
        var items = JinjaOperators.IsTrue(value) ? JinjaOperators.Iterate(value) : [];
        arguments.Runtime.Charge(items.Count);
        var attribute = byAttribute ? arguments.Require(0, "attribute") : null;
        var used = byAttribute ? 1 : 0;
        JinjaTest test = (item, _) => JinjaOperators.IsTrue(item);
        if (arguments.Positional.Count > used)
        {
            var name = arguments.RequireText(used, "test");
            test = JinjaTests.Find(name) ?? throw new JinjaException(JinjaErrorKind.Runtime, $"TemplateRuntimeError: No test named '{name}'.");
        }

        var rest = arguments with { Positional = [.. arguments.Positional.Skip(used + 1)] };
        return new JinjaList(items.Where(item => test(byAttribute ? JinjaMembers.GetPath(item, attribute) : item, rest) == keep));
    }

    private static object? Sum(object? value, JinjaArguments arguments)
    {
        var attribute = arguments.Get(0, "attribute", null);
        var total = arguments.Get(1, "start", 0L);
        foreach (var item in JinjaOperators.Iterate(value))
        {
            total = JinjaOperators.Calculate("+", total, attribute is null ? item : JinjaMembers.GetPath(item, attribute), arguments.Runtime);
        }

        return total;
    }

    private static object? Extreme(object? value, JinjaArguments arguments, int sign)
    {
        var attribute = arguments.Get(1, "attribute", null);
        var key = Key(attribute, arguments.Flag(0, "case_sensitive", false));
        var items = JinjaOperators.Iterate(value);
        if (items.Count == 0)
        {
            return new JinjaUndefined("UndefinedError: No aggregated item, sequence was empty.");
        }

        var best = items[0];
        foreach (var item in items.Skip(1))
        {
            best = JinjaOperators.Compare(key(item), key(best)) * sign > 0 ? item : best;
        }

        return best;
    }

    private static JinjaList Sort(object? value, JinjaArguments arguments)
    {
        var key = Key(arguments.Get(2, "attribute", null), arguments.Flag(1, "case_sensitive", false));
        return SortBy(JinjaOperators.Iterate(value), key, arguments.Flag(0, "reverse", false), arguments.Runtime);
    }

    private static JinjaList DictionarySort(object? value, JinjaArguments arguments)
    {
        var dictionary = value as JinjaDictionary ?? throw new JinjaException(JinjaErrorKind.Runtime, "TypeError: dictsort needs a mapping");
        var byValue = arguments.Text(1, "by", "key") == "value";
        var fold = Key(null, arguments.Flag(0, "case_sensitive", false));
        return SortBy(JinjaMembers.Items(dictionary), item => fold(((JinjaList)item!)[byValue ? 1 : 0]), arguments.Flag(2, "reverse", false), arguments.Runtime);
    }

    private static JinjaList GroupBy(object? value, JinjaArguments arguments)
    {
        var attribute = arguments.Require(0, "attribute");
        var fallback = arguments.Get(1, "default", null);
        var fold = Key(null, arguments.Flag(2, "case_sensitive", false));
        var groups = new JinjaList();
        JinjaList? members = null;
        object? current = null;
        foreach (var item in SortBy(JinjaOperators.Iterate(value), item => fold(Of(item)), reverse: false, arguments.Runtime))
        {
            var key = Of(item);
            if (members is null || !JinjaOperators.AreEqual(fold(key), fold(current)))
            {
                members = [];
                current = key;
                groups.Add(new JinjaList([key, members], isTuple: true));
            }

            members.Add(item);
        }

        return groups;

        object? Of(object? item) => JinjaMembers.GetPath(item, attribute) is var found && found is JinjaUndefined && fallback is not null ? fallback : found;
    }

    private static JinjaList Unique(object? value, JinjaArguments arguments)
    {
        var key = Key(arguments.Get(1, "attribute", null), arguments.Flag(0, "case_sensitive", false));
        var seen = new JinjaDictionary();
        return new JinjaList(JinjaOperators.Iterate(value).Where(item =>
        {
            var isNew = !seen.TryGet(key(item), out _);
            seen[key(item)] = null;
            return isNew;
        }));
    }

    /// <summary>What items are ordered by: an attribute, strings without their case unless asked.</summary>
    private static Func<object?, object?> Key(object? attribute, bool caseSensitive) => item =>
    {
        var value = attribute is null ? item : JinjaMembers.GetPath(item, attribute);
        return value is string text && !caseSensitive ? JinjaStringMethods.Lower(text) : value;
    };

    private static JinjaList SortBy(JinjaList items, Func<object?, object?> key, bool reverse, JinjaRuntime runtime)
    {
        runtime.Charge(items.Count * 16L);
        var comparer = Comparer<object?>.Create((a, b) => JinjaOperators.Compare(a, b));
        // Both orders are stable, as Python's are.
        return new JinjaList(reverse ? items.OrderByDescending(key, comparer) : items.OrderBy(key, comparer));
    }
}
