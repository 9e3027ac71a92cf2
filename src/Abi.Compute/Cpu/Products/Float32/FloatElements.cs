using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using Abi.Compute.Cpu.Products.Formats;
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
        if (outputs < FloatTile.Outputs)
        {
            new Span<byte>(packed, checked(columns * FloatTile.Outputs * TFormat.BlockBytes)).Clear();
        }

        // 32 columns at a time, so that the lines written to stay in the cache until they are full.
        for (var start = 0; start < columns; start += 32)
        {
            var end = Math.Min(start + 32, columns);
            for (var output = 0; output < outputs; output++)
            {
                var row = rows + ((long)output * columns * TFormat.BlockBytes);
                for (var column = start; column < end; column++)
                {
                    if (TFormat.BlockBytes == sizeof(float))
                    {
                        ((uint*)packed)[((long)column * FloatTile.Outputs) + output] = Unsafe.ReadUnaligned<uint>(row + (column * sizeof(float)));
                    }
                    else
                    {
                        ((ushort*)packed)[((long)column * FloatTile.Outputs) + output] = Unsafe.ReadUnaligned<ushort>(row + (column * sizeof(ushort)));
                    }
                }
            }
        }
    }

    /// <summary>Makes 16-bit elements float32.</summary>
    /// <param name="packed">[count], F16 or BF16.</param>
    /// <param name="count">A multiple of 32.</param>
    /// <param name="values">[count].</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Expand<TFormat>(byte* packed, int count, float* values)
        where TFormat : struct, IBlockFormat
    {
        for (var i = 0; i < count; i += 16, packed += 32)
        {
            if (Sse.IsSupported && i % 32 == 0)
            {
                Sse.Prefetch0(packed + Ahead);
            }

            if (typeof(TFormat) == typeof(F16))
            {
                HalfNumber.Read16(packed).Store(values + i);
            }
            else
            {
                var (low, high) = Vector256.Widen(Vector256.Load((ushort*)packed));
                (Vector512.Create(low, high) << 16).AsSingle().Store(values + i);
            }
        }
    }
}
