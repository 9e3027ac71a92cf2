namespace Abi.Compute.Formats;

/// <content>The scale of 16 elements puts the largest magnitude at 6, the largest code; each element takes the nearest code. Importance weights change nothing.</content>
public readonly partial struct NVFP4 : IEncodableBlockFormat
{
    /// <inheritdoc/>
    public static void Encode(ReadOnlySpan<float> values, ReadOnlySpan<float> importance, Span<byte> blocks)
    {
        for (; !blocks.IsEmpty; values = values[64..], blocks = blocks[36..])
        {
            for (var group = 0; group < 4; group++)
            {
                var x = values.Slice(group * 16, 16);
                ScaleSearch.LargestMagnitude(x, out var magnitude);
                var scale = ToScale(magnitude / 6);
                var d = HalfScale(scale);
                blocks[group] = scale;
                for (var j = 0; j < 8; j++)
                {
                    blocks[4 + (group * 8) + j] = (byte)(MXFP4.NearestCode(x[j], d) | (MXFP4.NearestCode(x[j + 8], d) << 4));
                }
            }
        }
    }

    /// <summary>An unsigned E4M3 byte (bias 7): rounding by the first bit that is dropped; at most 448.</summary>
    private static byte ToScale(float value)
    {
        if (!(value > 0))
        {
            return 0;
        }

        value = Math.Min(value, 448);
        var bits = BitConverter.SingleToUInt32Bits(value);
        var exponent = (int)((bits >> 23) & 255) - 127 + 7;
        if (exponent <= 0)
        {
            return (byte)Math.Min(7, (int)((value * 512) + 0.5f));
        }

        var mantissa = (int)((bits >> 20) & 7) + (int)((bits >> 19) & 1);
        if (mantissa > 7)
        {
            (mantissa, exponent) = (0, exponent + 1);
        }

        return exponent >= 15 ? (byte)0x7e : (byte)((exponent << 3) | mantissa);
    }
}
