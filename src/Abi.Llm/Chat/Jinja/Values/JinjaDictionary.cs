namespace Abi.Llm.Chat.Jinja;

/// <summary>A dictionary in the order of insertion, with Python's notion of equal keys (1, 1.0 and true are one).</summary>
internal sealed class JinjaDictionary
{
    private readonly OrderedDictionary<object, object?> _entries = new(KeyComparer.Instance);

    public int Count => _entries.Count;

    public IEnumerable<object?> Keys => _entries.Keys.Select(Unwrap);

    public IEnumerable<object?> Values => _entries.Values;

    public IEnumerable<KeyValuePair<object?, object?>> Entries => _entries.Select(entry => KeyValuePair.Create(Unwrap(entry.Key), entry.Value));

    public object? this[object? key]
    {
        set => _entries[Wrap(key)] = value;
    }

    public bool TryGet(object? key, out object? value) => _entries.TryGetValue(Wrap(key), out value);

    private static object? Unwrap(object key) => key == (object)NoneKey.Instance ? null : key;

    private static object Wrap(object? key) => key ?? NoneKey.Instance;

    private sealed class NoneKey
    {
        public static readonly NoneKey Instance = new();
    }

    private sealed class KeyComparer : IEqualityComparer<object>
    {
        public static readonly KeyComparer Instance = new();

        public new bool Equals(object? x, object? y) => JinjaOperators.AreEqual(x, y);

        public int GetHashCode(object obj) => JinjaOperators.Hash(obj);
    }
}
