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
        if (options.CacheType is not (TensorType.F32 or TensorType.F16))
        {
            throw new NotSupportedException($"The scalar device keeps keys and values as F32 or F16, not {options.CacheType}.");
        }

        Layout = layout;
        Options = options;
        _keys = new float[layout.Cache.Length, options.Pages][];
        _values = new float[layout.Cache.Length, options.Pages][];
        _recurrent = new float[options.RecurrentSlots, layout.Recurrent.Length][];
    }

    public override StateLayout Layout { get; }

    public override StateOptions Options { get; }

    public override long PageBytes => Layout.Cache.Sum(layer => (long)PageLength * layer.Heads * (layer.KeySize + layer.ValueSize) * ElementBytes);

    public override long SlotBytes => Layout.Recurrent.Sum(layer => (long)layer.Floats * sizeof(float));

    private int ElementBytes => Options.CacheType == TensorType.F16 ? 2 : 4;

    /// <summary>The keys of a page: [PageLength, heads × key size].</summary>
    public float[] Keys(CacheLayer layer, int page) => _keys[layer.Index, page] ??= new float[PageLength * layer.Heads * layer.KeySize];

    /// <summary>The values of a page: [PageLength, heads × value size].</summary>
    public float[] Values(CacheLayer layer, int page) => _values[layer.Index, page] ??= new float[PageLength * layer.Heads * layer.ValueSize];

    /// <summary>A float as the cache keeps it.</summary>
    public float Round(float value) => Options.CacheType == TensorType.F16 ? (float)(Half)value : value;

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
            destination = Write(Keys(layer, page), destination);
            destination = Write(Values(layer, page), destination);
        }
    }

    public override void WritePage(int page, ReadOnlySpan<byte> source)
    {
        foreach (var layer in Layout.Cache)
        {
            source = Read(source, Keys(layer, page));
            source = Read(source, Values(layer, page));
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

    private Span<byte> Write(float[] values, Span<byte> destination)
    {
        var bytes = values.Length * ElementBytes;
        BlockFormat.Get(Options.CacheType).Encode(values, default, destination[..bytes]);
        return destination[bytes..];
    }

    private ReadOnlySpan<byte> Read(ReadOnlySpan<byte> source, float[] values)
    {
        var bytes = values.Length * ElementBytes;
        BlockFormat.Get(Options.CacheType).Decode(source[..bytes], values);
        return source[bytes..];
    }
}
