using System.Collections.Immutable;
using System.Diagnostics.CodeAnalysis;

namespace Abi.Llm.Gguf;

/// <summary>The keys and values of a model file, in the file's order.</summary>
/// <remarks>Immutable and thread-safe. The typed getters throw <see cref="ModelFormatException"/> that names the key when it is missing or of another type.</remarks>
public sealed class GgufMetadata
{
    private readonly Dictionary<string, GgufValue> _values;
    private readonly string? _path;

    /// <summary>Makes metadata in memory.</summary>
    public GgufMetadata(IEnumerable<KeyValuePair<string, GgufValue>> values, string? path = null)
    {
        ArgumentNullException.ThrowIfNull(values);
        Keys = [];
        _values = new Dictionary<string, GgufValue>(StringComparer.Ordinal);
        var keys = ImmutableArray.CreateBuilder<string>();
        foreach (var (key, value) in values)
        {
            _values.Add(key, value);
            keys.Add(key);
        }

        Keys = keys.DrainToImmutable();
        _path = path;
    }

    /// <summary>The keys, in the file's order.</summary>
    public ImmutableArray<string> Keys { get; }

    /// <summary>These values with one more, or with one replaced.</summary>
    public GgufMetadata With(string key, GgufValue value) =>
        new(_values.ContainsKey(key) ? Keys.Select(k => KeyValuePair.Create(k, k == key ? value : _values[k])) : Keys.Select(k => KeyValuePair.Create(k, _values[k])).Append(KeyValuePair.Create(key, value)), _path);

    /// <summary>These values without one.</summary>
    public GgufMetadata Without(string key) => new(Keys.Where(k => k != key).Select(k => KeyValuePair.Create(k, _values[k])), _path);

    /// <summary>Whether there is such a key.</summary>
    public bool Contains(string key) => _values.ContainsKey(key);

    /// <summary>The value of a key.</summary>
    public bool TryGet(string key, [NotNullWhen(true)] out GgufValue? value) => _values.TryGetValue(key, out value);

    /// <summary>The value of a key.</summary>
    public GgufValue Get(string key) => _values.TryGetValue(key, out var value)
        ? value
        : throw new ModelFormatException($"The metadata has no key '{key}', which this model needs; the file is incomplete or was converted by an old tool: convert it again.", _path);

    /// <summary>A string.</summary>
    public string GetString(string key) => Read(key, value => value.AsString());

    /// <summary>A string, or the fallback when there is no such key.</summary>
    [return: NotNullIfNotNull(nameof(fallback))]
    public string? GetString(string key, string? fallback) => Contains(key) ? GetString(key) : fallback;

    /// <summary>An integer of any width that fits into 32 signed bits.</summary>
    public int GetInt32(string key)
    {
        var value = Read(key, v => v.AsInt64());
        return value is >= int.MinValue and <= int.MaxValue ? (int)value : throw new ModelFormatException($"The value of '{key}' is {value}, which does not fit into 32 bits.", _path);
    }

    /// <summary>An integer, or the fallback when there is no such key.</summary>
    public int GetInt32(string key, int fallback) => Contains(key) ? GetInt32(key) : fallback;

    /// <summary>An integer of any width, or the fallback when there is no such key.</summary>
    internal long GetInt64(string key, long fallback) => Contains(key) ? Read(key, value => value.AsInt64()) : fallback;

    /// <summary>A number.</summary>
    public float GetSingle(string key) => (float)Read(key, value => value.AsDouble());

    /// <summary>A number, or the fallback when there is no such key.</summary>
    public float GetSingle(string key, float fallback) => Contains(key) ? GetSingle(key) : fallback;

    /// <summary>A truth value.</summary>
    public bool GetBoolean(string key) => Read(key, value => value.AsBoolean());

    /// <summary>A truth value, or the fallback when there is no such key.</summary>
    public bool GetBoolean(string key, bool fallback) => Contains(key) ? GetBoolean(key) : fallback;

    /// <summary>An array of integers.</summary>
    public int[] GetInt32Array(string key) => Read(key, value => value.AsInt32Array());

    /// <summary>An array of numbers.</summary>
    public float[] GetSingleArray(string key) => Read(key, value => value.AsSingleArray());

    /// <summary>An array of truth values.</summary>
    public bool[] GetBooleanArray(string key) => Array.ConvertAll(GetInt32Array(key), value => value != 0);

    /// <summary>An array of strings; bytes that are not UTF-8 become U+FFFD.</summary>
    public string[] GetStringArray(string key) => Read(key, value => value.AsStringArray());

    /// <summary>An array of strings, as bytes.</summary>
    public byte[][] GetUtf8Array(string key) => Read(key, value => value.AsUtf8Array());

    /// <summary>An array of strings as they lie in the file, without making arrays of them.</summary>
    internal Utf8Elements Utf8Elements(string key)
    {
        try
        {
            return Get(key).Utf8Elements();
        }
        catch (InvalidOperationException e)
        {
            throw WrongType(key, e);
        }
    }

    private T Read<T>(string key, Func<GgufValue, T> read)
    {
        try
        {
            return read(Get(key));
        }
        catch (InvalidOperationException e)
        {
            throw WrongType(key, e);
        }
    }

    private ModelFormatException WrongType(string key, InvalidOperationException e) => new($"The metadata key '{key}' has the wrong type. {e.Message}", _path, innerException: e);
}
