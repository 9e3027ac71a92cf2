using System.Runtime.InteropServices;

namespace Abi.Compute.Formats;

/// <summary>The upper half of a single-precision float, little-endian; rounding to nearest, ties to even, NaN made quiet.</summary>
public readonly struct BF16 : IEncodableBlockFormat
{
    /// <inheritdoc/>
    public static TensorType Type => TensorType.BF16;

    /// <inheritdoc/>
    public static int BlockLength => 1;

    /// <inheritdoc/>
    public static int BlockBytes => 2;

    /// <inheritdoc/>
    public static void Decode(ReadOnlySpan<byte> blocks, Span<float> values)
    {
        var bits = MemoryMarshal.Cast<byte, ushort>(blocks);
        for (var i = 0; i < bits.Length; i++)
        {
            values[i] = BitConverter.UInt32BitsToSingle((uint)bits[i] << 16);
        }
    }

    /// <inheritdoc/>
    public static void Encode(ReadOnlySpan<float> values, ReadOnlySpan<float> importance, Span<byte> blocks)
    {
        var bits = MemoryMarshal.Cast<byte, ushort>(blocks);
        for (var i = 0; i < values.Length; i++)
        {
            var value = BitConverter.SingleToUInt32Bits(values[i]);
            bits[i] = float.IsNaN(values[i]) ? (ushort)((value >> 16) | 64) : (ushort)((value + (0x7fff + ((value >> 16) & 1))) >> 16);
        }
    }
}
