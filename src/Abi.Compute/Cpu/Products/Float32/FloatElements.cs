using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using Abi.Compute.Cpu.Kernels;
using Abi.Compute.Formats;

namespace Abi.Compute.Cpu.Products.Float32;

/// <summary>Weights of single elements (F32, F16, BF16) in panels [columns][64 outputs].</summary>
internal static unsafe class FloatElements
{
    /// <summary>How far ahead of reading memory is asked for.</summary>
    private const int Ahead = 8192;

    /// <summary>Rearranges [outputs][columns] to [columns][64]; the outputs beyond become zero.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Interleave<TFormat>(byte* rows, int outputs, int columns, byte* packed)
        where TFormat : struct, IBlockFormat
    {
        if (outputs < Panel.Outputs)
        {
            new Span<byte>(packed, checked(columns * Panel.Outputs * TFormat.BlockBytes)).Clear();
        }

        // 32 columns at a time, so that the lines written to stay in the cache until they are full.
        for (var start = 0; start < columns; start += 32)
        {
            var end = Math.Min(start + 32, columns);
            for (var output = 0; output < outputs;)
            {
                var row = rows + ((long)output * columns * TFormat.BlockBytes);
                if (TFormat.BlockBytes == sizeof(ushort) && Sse2.IsSupported && outputs - output >= 8 && end - start == 32)
                {
                    for (var column = start; column < end; column += 8)
                    {
                        Transpose((ushort*)row + column, columns, (ushort*)packed + ((long)column * Panel.Outputs) + output);
                    }

                    output += 8;
                    continue;
                }

                for (var column = start; column < end; column++)
                {
                    if (TFormat.BlockBytes == sizeof(float))
                    {
                        ((uint*)packed)[((long)column * Panel.Outputs) + output] = Unsafe.ReadUnaligned<uint>(row + (column * sizeof(float)));
                    }
                    else
                    {
                        ((ushort*)packed)[((long)column * Panel.Outputs) + output] = Unsafe.ReadUnaligned<ushort>(row + (column * sizeof(ushort)));
                    }
                }

                output++;
            }
        }
    }

    /// <summary>Turns 8 rows of 8 elements into 8 columns.</summary>
    /// <param name="from">The first row's elements; the next row is <paramref name="stride"/> elements on.</param>
    /// <param name="stride">From one row to the next.</param>
    /// <param name="to">The first column's 8 outputs; the next column is 64 elements on.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Transpose(ushort* from, long stride, ushort* to)
    {
        var (r0, r1) = (Vector128.Load(from), Vector128.Load(from + stride));
        var (r2, r3) = (Vector128.Load(from + (2 * stride)), Vector128.Load(from + (3 * stride)));
        var (r4, r5) = (Vector128.Load(from + (4 * stride)), Vector128.Load(from + (5 * stride)));
        var (r6, r7) = (Vector128.Load(from + (6 * stride)), Vector128.Load(from + (7 * stride)));

        // pairs of outputs, then fours, then all eight: columns 0 to 3 in the low halves, 4 to 7 in the high ones
        var (a0, a1) = (Sse2.UnpackLow(r0, r1).AsUInt32(), Sse2.UnpackLow(r2, r3).AsUInt32());
        var (a2, a3) = (Sse2.UnpackLow(r4, r5).AsUInt32(), Sse2.UnpackLow(r6, r7).AsUInt32());
        var (b0, b1) = (Sse2.UnpackHigh(r0, r1).AsUInt32(), Sse2.UnpackHigh(r2, r3).AsUInt32());
        var (b2, b3) = (Sse2.UnpackHigh(r4, r5).AsUInt32(), Sse2.UnpackHigh(r6, r7).AsUInt32());
        PutColumns(a0, a1, a2, a3, to);
        PutColumns(b0, b1, b2, b3, to + (4 * Panel.Outputs));
    }

    /// <summary>Puts four columns of 8 outputs down: pairs of outputs become fours and eights.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void PutColumns(Vector128<uint> p0, Vector128<uint> p1, Vector128<uint> p2, Vector128<uint> p3, ushort* to)
    {
        var (low0, high0) = (Sse2.UnpackLow(p0, p1).AsUInt64(), Sse2.UnpackHigh(p0, p1).AsUInt64());
        var (low1, high1) = (Sse2.UnpackLow(p2, p3).AsUInt64(), Sse2.UnpackHigh(p2, p3).AsUInt64());
        Sse2.UnpackLow(low0, low1).AsUInt16().Store(to);
        Sse2.UnpackHigh(low0, low1).AsUInt16().Store(to + Panel.Outputs);
        Sse2.UnpackLow(high0, high1).AsUInt16().Store(to + (2 * Panel.Outputs));
        Sse2.UnpackHigh(high0, high1).AsUInt16().Store(to + (3 * Panel.Outputs));
    }

    /// <summary>Makes 16-bit elements float32.</summary>
    /// <param name="packed">[count], F16 or BF16.</param>
    /// <param name="count">A multiple of 32.</param>
    /// <param name="values">[count].</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Expand<TFormat>(byte* packed, int count, float* values)
        where TFormat : struct, IBlockFormat
    {
        if (typeof(TFormat) == typeof(F16))
        {
            HalfLanes.Widen((Half*)packed, values, count, Ahead);
            return;
        }

        for (var i = 0; i < count; i += 16, packed += 32)
        {
            if (Sse.IsSupported && i % 32 == 0)
            {
                Sse.Prefetch0(packed + Ahead);
            }

            if (Vector512.IsHardwareAccelerated)
            {
                (Vector512.WidenLower(Vector256.Load((ushort*)packed).ToVector512Unsafe()) << 16).AsSingle().Store(values + i);
            }
            else
            {
                (Vector256.WidenLower(Vector128.Load((ushort*)packed).ToVector256Unsafe()) << 16).AsSingle().Store(values + i);
                (Vector256.WidenLower(Vector128.Load((ushort*)(packed + 16)).ToVector256Unsafe()) << 16).AsSingle().Store(values + i + 8);
            }
        }
    }
}
