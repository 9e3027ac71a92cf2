namespace Abi.Llm.Chat.Jinja;

/// <summary>Attributes, items and slices of values. Methods that would change a value are refused, as Jinja's immutable sandbox does.</summary>
internal static class JinjaMembers
{
    private static readonly HashSet<string> ForbiddenListMethods = new(["append", "extend", "insert", "pop", "remove", "reverse", "sort", "clear"], StringComparer.Ordinal);
    private static readonly HashSet<string> ForbiddenDictionaryMethods = new(["clear", "pop", "popitem", "setdefault", "update"], StringComparer.Ordinal);

    /// <summary><c>target.name</c>: methods first, then items.</summary>
    public static object? GetAttribute(object? target, string name)
    {
        if (target is JinjaUndefined undefined)
        {
            throw undefined.Error();
        }

        return Method(target, name) ?? (target switch
        {
            JinjaDictionary dictionary when dictionary.TryGet(name, out var value) => value,
            JinjaNamespace instance when instance.Attributes.TryGetValue(name, out var value) => value,
            JinjaLoop loop => loop.Get(name),
            _ => Missing(target, name),
        });
    }

    /// <summary><c>target[key]</c>: items first, then attributes.</summary>
    public static object? GetItem(object? target, object? key)
    {
        switch (target)
        {
            case JinjaUndefined undefined: throw undefined.Error();
            case JinjaDictionary dictionary when dictionary.TryGet(key, out var value): return value;
            case JinjaList list when key is long or bool:
                var index = JinjaNumbers.ToLong(key);
                index += index < 0 ? list.Count : 0;
                return index >= 0 && index < list.Count ? list[(int)index] : new JinjaUndefined("UndefinedError: list object has no element " + JinjaText.ToText(key));
            case string text when key is long or bool:
                var characters = JinjaText.Characters(text);
                var at = JinjaNumbers.ToLong(key);
                at += at < 0 ? characters.Count : 0;
                return at >= 0 && at < characters.Count ? characters[(int)at] : new JinjaUndefined("UndefinedError: str object has no element " + JinjaText.ToText(key));
            default: return key is string name ? Method(target, name) ?? (target is JinjaNamespace or JinjaLoop ? GetAttribute(target, name) : Missing(target, name)) : Missing(target, JinjaText.ToText(key));
        }
    }

    public static object? Slice(object? target, object? start, object? stop, object? step)
    {
        var by = step is null ? 1 : JinjaNumbers.ToInteger(step, "slice");
        if (by == 0)
        {
            throw new JinjaException(JinjaErrorKind.Runtime, "ValueError: slice step cannot be zero");
        }

        switch (target)
        {
            case string text:
                var characters = JinjaText.Characters(text);
                return string.Concat(Indices(characters.Count, start, stop, by).Select(i => characters[i]));
            case JinjaList list: return new JinjaList(Indices(list.Count, start, stop, by).Select(i => list[i]), list.IsTuple);
            case JinjaUndefined undefined: throw undefined.Error();
            default: throw new JinjaException(JinjaErrorKind.Runtime, $"TypeError: '{JinjaOperators.TypeName(target)}' object is not subscriptable");
        }
    }

    /// <summary>An attribute path as filters take it: <c>a.b.0</c>.</summary>
    public static object? GetPath(object? target, object? path)
    {
        if (path is not string text)
        {
            return GetItem(target, path);
        }

        foreach (var part in text.Split('.'))
        {
            target = target is JinjaUndefined ? target : GetItem(target, long.TryParse(part, out var index) ? index : part);
        }

        return target;
    }

    private static IEnumerable<int> Indices(int count, object? start, object? stop, long step)
    {
        var (low, high) = step > 0 ? (0L, (long)count) : (-1L, count - 1L);
        var from = start is null ? step > 0 ? low : high : Clip(JinjaNumbers.ToInteger(start, "slice"));
        var to = stop is null ? step > 0 ? high : low : Clip(JinjaNumbers.ToInteger(stop, "slice"));
        for (var i = from; step > 0 ? i < to : i > to; i += step)
        {
            yield return (int)i;
        }

        long Clip(long index) => Math.Clamp(index < 0 ? index + count : index, low, high);
    }

    private static JinjaUndefined Missing(object? target, string name) => new(target is JinjaDictionary
        ? $"UndefinedError: 'dict object' has no attribute '{name}'"
        : $"UndefinedError: '{JinjaOperators.TypeName(target)} object' has no attribute '{name}'");

    private static JinjaCallable? Method(object? target, string name) => target switch
    {
        string text => JinjaStringMethods.Find(text, name),
        JinjaList when ForbiddenListMethods.Contains(name) => throw Unsafe(name, "list"),
        JinjaList list => name switch
        {
            "index" => new JinjaCallable(name, a => list.FindIndex(item => JinjaOperators.AreEqual(item, a.Require(0, "value"))) is var i and >= 0
                ? (long)i
                : throw new JinjaException(JinjaErrorKind.Runtime, "ValueError: the value is not in the list")),
            "count" => new JinjaCallable(name, a => (long)list.Count(item => JinjaOperators.AreEqual(item, a.Require(0, "value")))),
            "copy" => new JinjaCallable(name, _ => list),
            _ => null,
        },
        JinjaDictionary when ForbiddenDictionaryMethods.Contains(name) => throw Unsafe(name, "dict"),
        JinjaDictionary dictionary => name switch
        {
            "items" => new JinjaCallable(name, _ => Items(dictionary)),
            "keys" => new JinjaCallable(name, _ => new JinjaList(dictionary.Keys)),
            "values" => new JinjaCallable(name, _ => new JinjaList(dictionary.Values)),
            "get" => new JinjaCallable(name, a => dictionary.TryGet(a.Require(0, "key"), out var value) ? value : a.Get(1, "default", null)),
            "copy" => new JinjaCallable(name, _ => dictionary),
            _ => null,
        },
        _ => null,
    };

    public static JinjaList Items(JinjaDictionary dictionary) =>
        new(dictionary.Entries.Select(object? (entry) => new JinjaList([entry.Key, entry.Value], isTuple: true)));

    private static JinjaException Unsafe(string name, string type) =>
        new(JinjaErrorKind.Runtime, $"SecurityError: access to attribute '{name}' of '{type}' object is unsafe.");
}
