namespace Abi.Compute.Formats;

/// <summary>4-bit floats (E2M1) with an 8-bit float (UE4M3) scale for 16 elements.</summary>
/// <remarks>Bytes: 4 scales, then 8 bytes for each 16 elements: element j in the low, element j + 8 in the high nibbles.</remarks>
public readonly partial struct NVFP4
{
    /// <inheritdoc/>
    public static TensorType Type => TensorType.NVFP4;

    /// <inheritdoc/>
    public static int BlockLength => 64;

    /// <inheritdoc/>
    public static int BlockBytes => 36;

    /// <inheritdoc/>
    public static void Decode(ReadOnlySpan<byte> blocks, Span<float> values)
    {
        for (; !blocks.IsEmpty; blocks = blocks[36..], values = values[64..])
        {
            for (var group = 0; group < 4; group++)
            {
                var d = HalfScale(blocks[group]);
                for (var j = 0; j < 8; j++)
                {
                    var q = blocks[4 + (group * 8) + j];
                    values[(group * 16) + j] = MXFP4.Values[q & 15] * d;
                    values[(group * 16) + j + 8] = MXFP4.Values[q >> 4] * d;
                }
            }
        }
    }

    /// <summary>Half the value of an unsigned E4M3 byte (bias 7); 0x7f, its NaN, counts as 0.</summary>
    internal static float HalfScale(byte bits)
    {
        var (exponent, mantissa) = ((bits >> 3) & 15, bits & 7);
        return bits is 0 or 0x7f ? 0 : 0.5f * (exponent == 0 ? MathF.ScaleB(mantissa, -9) : MathF.ScaleB(1 + (mantissa / 8f), exponent - 7));
    }
}
