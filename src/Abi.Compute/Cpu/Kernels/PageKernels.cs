using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Abi.Compute.Cpu.State;
using Abi.Compute.Devices;

namespace Abi.Compute.Cpu.Kernels;

/// <summary>Writes keys and values to a head's part of a page, and reads them back as floats.</summary>
internal static unsafe class PageKernels
{
    /// <summary>Puts one position's key [key size] and value [value size] in place.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Store(float* key, float* value, byte* head, int position, PageShape shape)
    {
        if (shape.ElementBytes == sizeof(float))
        {
            var columns = (float*)head + position;
            for (var i = 0; i < shape.KeySize; i++)
            {
                columns[i * StateStore.PageLength] = key[i];
            }

            new ReadOnlySpan<float>(value, shape.ValueSize).CopyTo(new Span<float>((float*)(head + shape.ValuesOffset) + (position * shape.ValueStride), shape.ValueSize));
            return;
        }

        var halves = (ushort*)head + position;
        var rounded = stackalloc ushort[Lanes.Count];
        for (var i = 0; i < shape.KeySize; i += Lanes.Count)
        {
            var count = Math.Min(Lanes.Count, shape.KeySize - i);
            HalfLanes.Round(count == Lanes.Count ? Vector512.Load(key + i) : Lanes.LoadPart(key + i, count)).Store(rounded);
            for (var j = 0; j < count; j++)
            {
                halves[(i + j) * StateStore.PageLength] = rounded[j];
            }
        }

        var to = (Half*)(head + shape.ValuesOffset) + (position * shape.ValueStride);
        for (var i = 0; i < shape.ValueSize; i += Lanes.Count)
        {
            var count = Math.Min(Lanes.Count, shape.ValueSize - i);
            HalfLanes.Store(count == Lanes.Count ? Vector512.Load(value + i) : Lanes.LoadPart(value + i, count), to + i); // rows are whole vectors
        }
    }

    /// <summary>Widens [count] halves, a multiple of 32.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Widen(Half* from, float* to, int count)
    {
        var special = Vector512<ushort>.Zero;
        for (var i = 0; i < count; i += 2 * Lanes.Count)
        {
            special |= HalfLanes.Special(from + i);
            HalfLanes.LoadFinite(from + i).Store(to + i);
            HalfLanes.LoadFinite(from + i + Lanes.Count).Store(to + i + Lanes.Count);
        }

        if ((special & Vector512.Create((ushort)0x8000)) == Vector512<ushort>.Zero)
        {
            return;
        }

        for (var i = 0; i < count; i += Lanes.Count)
        {
            HalfLanes.Load(from + i).Store(to + i);
        }
    }
}
