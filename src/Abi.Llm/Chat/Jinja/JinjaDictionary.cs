namespace Abi.Llm.Chat.Jinja;

/// <summary>A dictionary in the order of insertion, with Python's notion of equal keys (1, 1.0 and true are one).</summary>
internal sealed class JinjaDictionary
{
    private readonly OrderedDictionary<object, object?> _entries = [];

    public int Count => _entries.Count;

    public IEnumerable<object?> Keys => _entries.Keys.Select(Unwrap);

    public IEnumerable<object?> Values => _entries.Values;

    public IEnumerable<KeyValuePair<object?, object?>> Entries => _entries.Select(entry => KeyValuePair.Create(Unwrap(entry.Key), entry.Value));

    public object? this[object? key]
    {
        set => _entries[Wrap(key)] = value;
    }

    public bool TryGet(object? key, out object? value) => _entries.TryGetValue(Wrap(key), out value);

    private static object? Unwrap(object key) => key is NoneKey ? null : key;

    private static object Wrap(object? key) => key switch
    {
        null => NoneKey.Instance,
        bool b => b ? 1L : 0L,
        double d when d == Math.Floor(d) && Math.Abs(d) < 1e15 => (long)d,
        JinjaList { IsTuple: false } => throw new JinjaException(JinjaErrorKind.Runtime, "TypeError: unhashable type: 'list'"),
        JinjaList tuple => JinjaText.Represent(tuple),
        JinjaDictionary => throw new JinjaException(JinjaErrorKind.Runtime, "TypeError: unhashable type: 'dict'"),
        _ => key,
    };

    private sealed class NoneKey
    {
        public static readonly NoneKey Instance = new();
    }
}
