using System.Buffers.Binary;

namespace Abi.Compute.Formats;

/// <summary>Reads and writes the fields of packed blocks.</summary>
internal static class Packed
{
    /// <summary>A half-precision number at an offset.</summary>
    public static float Half(ReadOnlySpan<byte> block, int offset = 0) => (float)BinaryPrimitives.ReadHalfLittleEndian(block[offset..]);

    /// <summary>Writes a number as half precision.</summary>
    public static void Half(Span<byte> block, int offset, float value) => BinaryPrimitives.WriteHalfLittleEndian(block[offset..], (Half)value);

    public static ushort UInt16(ReadOnlySpan<byte> block, int offset) => BinaryPrimitives.ReadUInt16LittleEndian(block[offset..]);

    public static uint UInt32(ReadOnlySpan<byte> block, int offset) => BinaryPrimitives.ReadUInt32LittleEndian(block[offset..]);

    /// <summary>The 6-bit scale and minimum of sub-block <paramref name="i"/> in the 12 bytes that Q4_K and Q5_K share.</summary>
    public static (int Scale, int Minimum) ScaleAndMinimum(ReadOnlySpan<byte> scales, int i) => i < 4
        ? (scales[i] & 63, scales[i + 4] & 63)
        : ((scales[i + 4] & 15) | ((scales[i - 4] >> 6) << 4), (scales[i + 4] >> 4) | ((scales[i] >> 6) << 4));

    /// <summary>Writes a number at an offset.</summary>
    public static void UInt32(Span<byte> block, int offset, uint value) => BinaryPrimitives.WriteUInt32LittleEndian(block[offset..], value);

    /// <summary>Packs the low four bits of 32 levels: level j into the low and level j + 16 into the high nibble of byte j.</summary>
    public static void Nibbles(ReadOnlySpan<byte> levels, Span<byte> packed)
    {
        for (var j = 0; j < 16; j++)
        {
            packed[j] = (byte)((levels[j] & 15) | (levels[j + 16] << 4));
        }
    }

    /// <summary>The fifth bits of 32 levels.</summary>
    public static uint FifthBits(ReadOnlySpan<byte> levels)
    {
        var bits = 0u;
        for (var j = 0; j < 32; j++)
        {
            bits |= (uint)((levels[j] >> 4) & 1) << j;
        }

        return bits;
    }

    /// <summary>Packs 256 levels of two bits: of each 128, byte j holds levels j, j + 32, j + 64 and j + 96, the first in the low bits.</summary>
    public static void Pairs(ReadOnlySpan<byte> levels, Span<byte> packed)
    {
        for (var j = 0; j < 64; j++)
        {
            var l = levels[((j / 32 * 128) + (j % 32))..];
            packed[j] = (byte)((l[0] & 3) | ((l[32] & 3) << 2) | ((l[64] & 3) << 4) | (l[96] << 6));
        }
    }

    /// <summary>Writes the 6-bit scales and minimums of 8 sub-blocks into the 12 bytes that Q4_K and Q5_K share.</summary>
    public static void ScalesAndMinimums(ReadOnlySpan<byte> scales, ReadOnlySpan<byte> minimums, Span<byte> packed)
    {
        for (var i = 0; i < 4; i++)
        {
            packed[i] = (byte)((scales[i] & 63) | ((scales[i + 4] >> 4) << 6));
            packed[i + 4] = (byte)((minimums[i] & 63) | ((minimums[i + 4] >> 4) << 6));
            packed[i + 8] = (byte)((scales[i + 4] & 15) | (minimums[i + 4] << 4));
        }
    }
}
