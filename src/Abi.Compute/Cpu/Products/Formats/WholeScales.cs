using System.Runtime.CompilerServices;

namespace Abi.Compute.Cpu.Products.Formats;

/// <summary>Blocks of 256 whose scales are whole multiples of a unit.</summary>
internal static unsafe class WholeScales
{
    /// <summary>Splits a block with its scales as numbers.</summary>
    public static void Split<TFormat>(byte* block, sbyte* levels, float* scales, float* minimums)
        where TFormat : struct, ILevelFormat
    {
        var whole = stackalloc sbyte[32];
        TFormat.SplitWhole(block, levels, whole, whole + 16);
        for (var i = 0; i < 256 && !TFormat.Table.IsEmpty; i++)
        {
            levels[i] = TFormat.Table[levels[i]];
        }

        var unit = (float)BitConverter.UInt16BitsToHalf(TFormat.Unit(block));
        var minimumUnit = -(float)BitConverter.UInt16BitsToHalf(TFormat.MinimumUnit(block));
        for (var i = 0; i < 8 * TFormat.Scales; i++)
        {
            scales[i] = unit * whole[i];
            if (TFormat.HasMinimum)
            {
                minimums[i] = minimumUnit * whole[16 + i];
            }
        }
    }

    /// <summary>The 8 scales and minimums of 6 bits in the 12 bytes that Q4_K and Q5_K share.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Unpack(byte* packed, sbyte* scales, sbyte* minimums)
    {
        const uint nibbles = 0x0f0f0f0f;
        const uint sixBits = 0x3f3f3f3f;
        const uint pairs = 0x03030303;
        var (a, b, c) = (Unsafe.ReadUnaligned<uint>(packed), Unsafe.ReadUnaligned<uint>(packed + 4), Unsafe.ReadUnaligned<uint>(packed + 8));
        Unsafe.WriteUnaligned(scales, a & sixBits);
        Unsafe.WriteUnaligned(scales + 4, (c & nibbles) | (((a >> 6) & pairs) << 4));
        Unsafe.WriteUnaligned(minimums, b & sixBits);
        Unsafe.WriteUnaligned(minimums + 4, ((c >> 4) & nibbles) | (((b >> 6) & pairs) << 4));
    }
}
