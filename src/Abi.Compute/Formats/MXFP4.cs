namespace Abi.Compute.Formats;

/// <summary>4-bit floats (E2M1) with a shared power of two (specification: OCP Microscaling Formats 1.0).</summary>
/// <remarks>Bytes: the exponent (E8M0), then 16 bytes of nibbles as in Q4_0. The table holds twice the values, so the power is halved.</remarks>
public readonly partial struct MXFP4
{
    /// <summary>Twice what the 16 codes stand for.</summary>
    public static ReadOnlySpan<sbyte> Values => [0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12];

    /// <inheritdoc/>
    public static TensorType Type => TensorType.MXFP4;

    /// <inheritdoc/>
    public static int BlockLength => 32;

    /// <inheritdoc/>
    public static int BlockBytes => 17;

    /// <inheritdoc/>
    public static void Decode(ReadOnlySpan<byte> blocks, Span<float> values)
    {
        for (; !blocks.IsEmpty; blocks = blocks[17..], values = values[32..])
        {
            var d = HalfPower(blocks[0]);
            for (var j = 0; j < 16; j++)
            {
                values[j] = Values[blocks[1 + j] & 15] * d;
                values[j + 16] = Values[blocks[1 + j] >> 4] * d;
            }
        }
    }

    /// <summary>Half the power of two of an E8M0 byte: <c>2^(e − 128)</c>; the two smallest are denormal.</summary>
    internal static float HalfPower(byte exponent) => BitConverter.UInt32BitsToSingle(exponent < 2 ? 0x00200000u << exponent : (uint)(exponent - 1) << 23);
}
