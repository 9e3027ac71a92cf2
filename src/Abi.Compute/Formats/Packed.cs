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
}
