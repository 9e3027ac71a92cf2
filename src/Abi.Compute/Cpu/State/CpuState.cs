using System.Runtime.InteropServices;
using Abi.Compute.Cpu.Kernels;
using Abi.Compute.Devices;
using Abi.Compute.Formats;
using Abi.Compute.Graphs;
using Abi.Compute.Memory;

namespace Abi.Compute.Cpu.State;

/// <summary>
/// State in native memory that takes physical memory only as it is used. Each layer has one buffer of pages, laid out by <see cref="PageShape"/>: every key/value head has its keys,
/// column by column (sixteen positions are one load), and then its values, position by position. Recurrent slots are kept twice: a step reads one copy and writes the other, and
/// only a step that ends makes the other the current one.
/// </summary>
internal sealed unsafe class CpuState : StateStore
{
    private readonly PageBuffer[] _pages; // by layer: [pages, bytes of a page]
    private readonly NativeBuffer[] _recurrent; // by layer: [slots, 2, floats]
    private readonly byte[] _current; // which of the two copies is the current one: [slots, layers]
    private readonly PageShape[] _shapes; // by layer

    public CpuState(StateLayout layout, StateOptions options)
    {
        options.Validate();
        Layout = layout;
        Options = options;
        _shapes = [.. layout.Cache.Select(layer => new PageShape(layer.Heads, layer.KeySize, layer.ValueSize, options.CacheType, options.ValueCacheType ?? options.CacheType))];
        _current = new byte[options.RecurrentSlots * layout.Recurrent.Length];
        _pages = new PageBuffer[layout.Cache.Length];
        _recurrent = new NativeBuffer[layout.Recurrent.Length];
        try
        {
            for (var i = 0; i < _pages.Length; i++)
            {
                _pages[i] = new PageBuffer(checked(_shapes[i].PageBytes * options.Pages));
            }

            for (var i = 0; i < _recurrent.Length; i++)
            {
                _recurrent[i] = new NativeBuffer(checked(2L * sizeof(float) * layout.Recurrent[i].Floats * options.RecurrentSlots));
            }
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    public override StateLayout Layout { get; }

    public override StateOptions Options { get; }

    public override long PageMemoryBytes => _shapes.Sum(static shape => shape.PageBytes);

    public override long SlotMemoryBytes => 2 * SlotBytes;

    /// <summary>How a page of a layer is laid out.</summary>
    public PageShape Shape(CacheLayer layer) => _shapes[layer.Index];

    /// <summary>The first byte of a layer's page 0.</summary>
    public byte* Pages(CacheLayer layer) => (byte*)_pages[layer.Index].Address;

    /// <summary>What a recurrent layer holds for a slot before this step: [floats].</summary>
    public float* Current(RecurrentLayer layer, int slot) => Copy(layer, slot, _current[Index(layer, slot)]);

    /// <summary>What it will hold after the step: [floats].</summary>
    public float* Next(RecurrentLayer layer, int slot) => Copy(layer, slot, 1 - _current[Index(layer, slot)]);

    /// <summary>Makes what a step wrote the current state.</summary>
    public void Commit(RecurrentLayer layer, int slot) => _current[Index(layer, slot)] ^= 1;

    public override void CopyPage(int from, int to)
    {
        for (var i = 0; i < _pages.Length; i++)
        {
            var bytes = _shapes[i].PageBytes;
            var pages = (byte*)_pages[i].Address;
            Buffer.MemoryCopy(pages + (CheckPage(from) * bytes), pages + (CheckPage(to) * bytes), bytes, bytes);
        }
    }

    public override void CopySlot(int from, int to)
    {
        foreach (var layer in Layout.Recurrent)
        {
            Floats(layer, from).CopyTo(Floats(layer, to));
        }
    }

    public override void ClearSlot(int slot)
    {
        foreach (var layer in Layout.Recurrent)
        {
            Floats(layer, slot).Clear();
        }
    }

    public override void ReadPage(int page, Span<byte> destination)
    {
        foreach (var layer in Layout.Cache)
        {
            var shape = _shapes[layer.Index];
            var from = (byte*)_pages[layer.Index].Address + (CheckPage(page) * shape.PageBytes);
            for (var position = 0; position < PageLength; position++)
            {
                for (var head = 0; head < shape.Heads; head++)
                {
                    PageKernels.ReadKey(from + (head * shape.HeadBytes), position, shape, Take(ref destination, shape.KeyRowBytes));
                }
            }

            var valueBytes = CacheLayer.HeadBytes(shape.ValueSize, shape.ValueType);
            for (var position = 0; position < PageLength; position++)
            {
                for (var head = 0; head < shape.Heads; head++)
                {
                    PageKernels.ReadValue(from + (head * shape.HeadBytes) + shape.ValuesOffset, position, shape, Take(ref destination, valueBytes));
                }
            }
        }

        static Span<byte> Take(ref Span<byte> from, int count)
        {
            var taken = from[..count];
            from = from[count..];
            return taken;
        }
    }

    public override void WritePage(int page, ReadOnlySpan<byte> source)
    {
        foreach (var layer in Layout.Cache)
        {
            var shape = _shapes[layer.Index];
            var to = (byte*)_pages[layer.Index].Address + (CheckPage(page) * shape.PageBytes);
            for (var position = 0; position < PageLength; position++)
            {
                for (var head = 0; head < shape.Heads; head++)
                {
                    PageKernels.WriteKey(to + (head * shape.HeadBytes), position, shape, Take(ref source, shape.KeyRowBytes));
                }
            }

            var valueBytes = CacheLayer.HeadBytes(shape.ValueSize, shape.ValueType);
            for (var position = 0; position < PageLength; position++)
            {
                for (var head = 0; head < shape.Heads; head++)
                {
                    PageKernels.WriteValue(to + (head * shape.HeadBytes) + shape.ValuesOffset, position, shape, Take(ref source, valueBytes));
                }
            }
        }

        static ReadOnlySpan<byte> Take(ref ReadOnlySpan<byte> from, int count)
        {
            var taken = from[..count];
            from = from[count..];
            return taken;
        }
    }

    public override void ReadSlot(int slot, Span<byte> destination)
    {
        foreach (var layer in Layout.Recurrent)
        {
            var bytes = MemoryMarshal.AsBytes(Floats(layer, slot));
            bytes.CopyTo(destination);
            destination = destination[bytes.Length..];
        }
    }

    public override void WriteSlot(int slot, ReadOnlySpan<byte> source)
    {
        foreach (var layer in Layout.Recurrent)
        {
            var bytes = MemoryMarshal.AsBytes(Floats(layer, slot));
            source[..bytes.Length].CopyTo(bytes);
            source = source[bytes.Length..];
        }
    }

    protected override void Dispose(bool disposing)
    {
        if (!disposing)
        {
            return; // the buffers have finalizers of their own
        }

        foreach (var buffer in (TensorMemory?[])[.. _pages, .. _recurrent])
        {
            buffer?.Dispose();
        }
    }

    private long CheckPage(int page)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((uint)page, (uint)Options.Pages, nameof(page));
        return page;
    }

    private int Index(RecurrentLayer layer, int slot)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((uint)slot, (uint)Options.RecurrentSlots, nameof(slot));
        return (slot * _recurrent.Length) + layer.Index;
    }

    private float* Copy(RecurrentLayer layer, int slot, int copy) => (float*)_recurrent[layer.Index].Address + (((2L * slot) + copy) * layer.Floats);

    private Span<float> Floats(RecurrentLayer layer, int slot) => new(Current(layer, slot), layer.Floats);
}
