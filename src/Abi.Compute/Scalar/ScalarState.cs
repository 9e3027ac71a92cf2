using System.Runtime.InteropServices;
using Abi.Compute.Devices;
using Abi.Compute.Formats;
using Abi.Compute.Graphs;

namespace Abi.Compute.Scalar;

/// <summary>State in plain arrays, made when first touched. Keys and values are kept as floats that went through the cache's format once.</summary>
internal sealed class ScalarState : StateStore
{
    private readonly float[]?[,] _keys; // [layer, page] → [PageLength, heads × key size]
    private readonly float[]?[,] _values; // [layer, page] → [PageLength, heads × value size]
    private readonly float[]?[,] _recurrent; // [slot, layer] → [layer's floats]
    private readonly Dictionary<(int Slot, int Layer), float[]> _pending = [];

    public ScalarState(StateLayout layout, StateOptions options)
    {
        options.Validate();
        Layout = layout;
        Options = options;
        _keys = new float[layout.Cache.Length, options.Pages][];
        _values = new float[layout.Cache.Length, options.Pages][];
        _recurrent = new float[options.RecurrentSlots, layout.Recurrent.Length][];
    }

    public override StateLayout Layout { get; }

    public override StateOptions Options { get; }

    private TensorType ValueType => Options.ValueCacheType ?? Options.CacheType;

    /// <summary>The keys of a page: [PageLength, heads × key size].</summary>
    public float[] Keys(CacheLayer layer, int page) => _keys[layer.Index, page] ??= new float[PageLength * layer.Heads * layer.KeySize];

    /// <summary>The values of a page: [PageLength, heads × value size].</summary>
    public float[] Values(CacheLayer layer, int page) => _values[layer.Index, page] ??= new float[PageLength * layer.Heads * layer.ValueSize];

    /// <summary>The floats of one head's key as the cache keeps them.</summary>
    public void RoundKey(Span<float> key) => Round(key, Options.CacheType);

    /// <summary>The floats of one head's value as the cache keeps them.</summary>
    public void RoundValue(Span<float> value) => Round(value, ValueType);

    /// <summary>The state that this step works on: a copy, which <see cref="Commit"/> puts in place.</summary>
    public float[] Recurrent(RecurrentLayer layer, int slot)
    {
        if (!_pending.TryGetValue((slot, layer.Index), out var state))
        {
            state = new float[layer.Floats];
            _recurrent[slot, layer.Index]?.CopyTo(state, 0);
            _pending.Add((slot, layer.Index), state);
        }

        return state;
    }

    public void Commit()
    {
        foreach (var ((slot, layer), state) in _pending)
        {
            _recurrent[slot, layer] = state;
        }

        _pending.Clear();
    }

    public void Abandon() => _pending.Clear();

    public override void CopyPage(int from, int to)
    {
        foreach (var layer in Layout.Cache)
        {
            Keys(layer, from).CopyTo(Keys(layer, to), 0);
            Values(layer, from).CopyTo(Values(layer, to), 0);
        }
    }

    public override void CopySlot(int from, int to)
    {
        for (var layer = 0; layer < Layout.Recurrent.Length; layer++)
        {
            _recurrent[to, layer] = (float[]?)_recurrent[from, layer]?.Clone();
        }
    }

    public override void ClearSlot(int slot)
    {
        for (var layer = 0; layer < Layout.Recurrent.Length; layer++)
        {
            _recurrent[slot, layer] = null;
        }
    }

    public override void ReadPage(int page, Span<byte> destination)
    {
        foreach (var layer in Layout.Cache)
        {
            destination = Write(Keys(layer, page), layer.KeySize, Options.CacheType, destination);
            destination = Write(Values(layer, page), layer.ValueSize, ValueType, destination);
        }
    }

    public override void WritePage(int page, ReadOnlySpan<byte> source)
    {
        foreach (var layer in Layout.Cache)
        {
            source = Read(source, Keys(layer, page), layer.KeySize, Options.CacheType);
            source = Read(source, Values(layer, page), layer.ValueSize, ValueType);
        }
    }

    public override void ReadSlot(int slot, Span<byte> destination)
    {
        foreach (var layer in Layout.Recurrent)
        {
            var state = _recurrent[slot, layer.Index] ?? new float[layer.Floats];
            MemoryMarshal.AsBytes(state.AsSpan()).CopyTo(destination);
            destination = destination[(layer.Floats * sizeof(float))..];
        }
    }

    public override void WriteSlot(int slot, ReadOnlySpan<byte> source)
    {
        foreach (var layer in Layout.Recurrent)
        {
            var state = _recurrent[slot, layer.Index] ??= new float[layer.Floats];
            source[..(layer.Floats * sizeof(float))].CopyTo(MemoryMarshal.AsBytes(state.AsSpan()));
            source = source[(layer.Floats * sizeof(float))..];
        }
    }

    protected override void Dispose(bool disposing)
    {
    }

    private static Span<byte> Write(float[] values, int headSize, TensorType type, Span<byte> destination)
    {
        var bytes = CacheLayer.HeadBytes(headSize, type);
        for (var at = 0; at < values.Length; at += headSize, destination = destination[bytes..])
        {
            BlockFormat.Get(type).Encode(Padded(values.AsSpan(at, headSize), type), default, destination[..bytes]);
        }

        return destination;
    }

    private static ReadOnlySpan<byte> Read(ReadOnlySpan<byte> source, float[] values, int headSize, TensorType type)
    {
        var bytes = CacheLayer.HeadBytes(headSize, type);
        for (var at = 0; at < values.Length; at += headSize, source = source[bytes..])
        {
            var head = Padded(values.AsSpan(at, headSize), type);
            BlockFormat.Get(type).Decode(source[..bytes], head);
            head[..headSize].CopyTo(values.AsSpan(at));
        }

        return source;
    }

    private static void Round(Span<float> head, TensorType type)
    {
        var bytes = new byte[CacheLayer.HeadBytes(head.Length, type)];
        var padded = Padded(head, type);
        BlockFormat.Get(type).Encode(padded, default, bytes);
        BlockFormat.Get(type).Decode(bytes, padded);
        padded[..head.Length].CopyTo(head);
    }

    /// <summary>A copy of a head's floats with zeros behind them, in whole blocks.</summary>
    private static Span<float> Padded(ReadOnlySpan<float> head, TensorType type)
    {
        var block = BlockFormat.Get(type).BlockLength;
        var padded = new float[(head.Length + block - 1) / block * block];
        head.CopyTo(padded);
        return padded;
    }
}
