using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Abi.Compute.Cpu.Products.Emission;
using Abi.Compute.Cpu.State;
using Abi.Compute.Devices;
using Abi.Compute.Formats;

namespace Abi.Compute.Cpu.Kernels;

/// <summary>Writes keys and values to a head's part of a page, and reads them back: as floats, or position by position as they are kept.</summary>
internal static unsafe class PageKernels
{
    private const int Page = StateStore.PageLength;

    /// <summary>Puts one position's key [key size] and value [value size] in place.</summary>
    public static void Store(float* key, float* value, byte* head, int position, PageShape shape)
    {
        switch (shape.KeyType)
        {
            case TensorType.F32:
                Spread((uint*)key, shape.KeySize, (uint*)head + position);
                break;
            case TensorType.F16:
                StoreHalfKey(key, shape.KeySize, (ushort*)head + position);
                break;
            default:
                BlockPageKernels.StoreKey(key, shape.KeySize, head, position, shape.KeyType);
                break;
        }

        var values = head + shape.ValuesOffset;
        switch (shape.ValueType)
        {
            case TensorType.F32:
                new ReadOnlySpan<float>(value, shape.ValueSize).CopyTo(new Span<float>((float*)values + (position * shape.ValueStride), shape.ValueSize));
                break;
            case TensorType.F16:
                StoreHalfValue(value, shape.ValueSize, (Half*)values + (position * shape.ValueStride));
                break;
            default:
                BlockPageKernels.StoreValue(value, shape.ValueSize, values, position, shape.ValueType);
                break;
        }
    }

    /// <summary>The keys of a page as floats [key size, 32]: where they lie, or in <paramref name="scratch"/>.</summary>
    public static float* ExpandKeys(byte* keys, PageShape shape, float* scratch)
    {
        switch (shape.KeyType)
        {
            case TensorType.F32:
                return (float*)keys;
            case TensorType.F16:
                Widen((Half*)keys, scratch, shape.KeySize * Page);
                return scratch;
            default:
                BlockPageKernels.ExpandKeys(keys, shape.KeySize, shape.KeyType, scratch);
                return scratch;
        }
    }

    /// <summary>The values of a page as floats [32, stride]: where they lie, or in <paramref name="scratch"/>.</summary>
    public static float* ExpandValues(byte* values, PageShape shape, float* scratch)
    {
        switch (shape.ValueType)
        {
            case TensorType.F32:
                return (float*)values;
            case TensorType.F16:
                Widen((Half*)values, scratch, shape.ValueStride * Page);
                return scratch;
            default:
                BlockPageKernels.ExpandValues(values, shape.ValueStride, shape.ValueType, scratch);
                return scratch;
        }
    }

    /// <summary>One position's key as it is kept: <paramref name="key"/> is [key row bytes].</summary>
    public static void ReadKey(byte* keys, int position, PageShape shape, Span<byte> key)
    {
        if (PageShape.IsBlocks(shape.KeyType))
        {
            BlockPageKernels.ReadKey(keys, position, shape.KeyType, key);
            return;
        }

        var bytes = shape.KeyRowBytes / shape.KeySize;
        for (var column = 0; column < shape.KeySize; column++)
        {
            new ReadOnlySpan<byte>(keys + (((column * Page) + position) * bytes), bytes).CopyTo(key[(column * bytes)..]);
        }
    }

    /// <summary>Puts back what <see cref="ReadKey"/> gave.</summary>
    public static void WriteKey(byte* keys, int position, PageShape shape, ReadOnlySpan<byte> key)
    {
        if (PageShape.IsBlocks(shape.KeyType))
        {
            BlockPageKernels.WriteKey(keys, position, shape.KeyType, key);
            return;
        }

        var bytes = shape.KeyRowBytes / shape.KeySize;
        for (var column = 0; column < shape.KeySize; column++)
        {
            key.Slice(column * bytes, bytes).CopyTo(new Span<byte>(keys + (((column * Page) + position) * bytes), bytes));
        }
    }

    /// <summary>One position's value as it is kept: <paramref name="value"/> is as long as its columns take.</summary>
    public static void ReadValue(byte* values, int position, PageShape shape, Span<byte> value)
    {
        if (PageShape.IsBlocks(shape.ValueType))
        {
            BlockPageKernels.ReadValue(values, position, shape.ValueType, value);
            return;
        }

        new ReadOnlySpan<byte>(values + ((long)position * shape.ValueRowBytes), value.Length).CopyTo(value);
    }

    /// <summary>Puts back what <see cref="ReadValue"/> gave.</summary>
    public static void WriteValue(byte* values, int position, PageShape shape, ReadOnlySpan<byte> value)
    {
        if (PageShape.IsBlocks(shape.ValueType))
        {
            BlockPageKernels.WriteValue(values, position, shape.ValueType, value);
            return;
        }

        value.CopyTo(new Span<byte>(values + ((long)position * shape.ValueRowBytes), value.Length));
    }

    /// <summary>Widens [count] halves, a multiple of 32.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Widen(Half* from, float* to, int count)
    {
        if (HalfWidening.Emitted is { } emitted)
        {
            emitted.Widen(from, to, count);
            return;
        }

        HalfLanes.Widen(from, to, count);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Spread(uint* key, int keySize, uint* columns)
    {
        for (var i = 0; i < keySize; i++)
        {
            columns[i * Page] = key[i];
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void StoreHalfKey(float* key, int keySize, ushort* columns)
    {
        var rounded = stackalloc ushort[Lanes.Count];
        for (var i = 0; i < keySize; i += Lanes.Count)
        {
            HalfLanes.Round(Lanes.Load(key + i, keySize - i)).Store(rounded);
            for (var j = 0; j < Math.Min(Lanes.Count, keySize - i); j++)
            {
                columns[(i + j) * Page] = rounded[j];
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void StoreHalfValue(float* value, int valueSize, Half* to)
    {
        for (var i = 0; i < valueSize; i += Lanes.Count)
        {
            HalfLanes.Store(Lanes.Load(value + i, valueSize - i), to + i); // rows are whole vectors
        }
    }
}
