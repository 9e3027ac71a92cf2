namespace Abi.Llm.Chat.Jinja;

/// <summary>The <c>loop</c> variable.</summary>
internal sealed class JinjaLoop(JinjaList items, int depth, Func<object?, string>? recurse)
{
    private object? _lastChecked = typeof(JinjaLoop);

    public int Index { get; set; }

    public object? Get(string name) => name switch
    {
        "index" => (long)Index + 1,
        "index0" => (long)Index,
        "revindex" => (long)items.Count - Index,
        "revindex0" => (long)items.Count - Index - 1,
        "first" => Index == 0,
        "last" => Index == items.Count - 1,
        "length" => (long)items.Count,
        "depth" => (long)depth + 1,
        "depth0" => (long)depth,
        "previtem" => Index > 0 ? items[Index - 1] : new JinjaUndefined("UndefinedError: there is no previous item"),
        "nextitem" => Index < items.Count - 1 ? items[Index + 1] : new JinjaUndefined("UndefinedError: there is no next item"),
        "cycle" => new JinjaCallable("cycle", arguments => arguments.Positional.Count > 0
            ? arguments.Positional[Index % arguments.Positional.Count]
            : throw new JinjaException(JinjaErrorKind.Runtime, "TypeError: no items for cycling given")),
        "changed" => new JinjaCallable("changed", arguments =>
        {
            var now = new JinjaList(arguments.Positional, isTuple: true);
            var changed = _lastChecked is not JinjaList before || !JinjaOperators.AreEqual(before, now);
            _lastChecked = now;
            return changed;
        }),
        _ => new JinjaUndefined($"UndefinedError: 'loop' has no attribute '{name}'"),
    };

    public string Recurse(object? value) => recurse is null
        ? throw new JinjaException(JinjaErrorKind.Runtime, "TypeError: the loop must have the 'recursive' marker to be called recursively.")
        : recurse(value);
}
