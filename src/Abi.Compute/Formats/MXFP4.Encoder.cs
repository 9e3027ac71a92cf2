namespace Abi.Compute.Formats;

/// <content>The power of two is that of the largest magnitude, less 2; each element takes the nearest code. Importance weights change nothing.</content>
public readonly partial struct MXFP4 : IEncodableBlockFormat
{
    /// <inheritdoc/>
    public static void Encode(ReadOnlySpan<float> values, ReadOnlySpan<float> importance, Span<byte> blocks)
    {
        for (; !blocks.IsEmpty; values = values[32..], blocks = blocks[17..])
        {
            ScaleSearch.LargestMagnitude(values[..32], out var magnitude);
            var exponent = magnitude > 0 ? (byte)(int)(MathF.Floor(MathF.Log2(magnitude)) - 2 + 127) : (byte)0;
            var d = HalfPower(exponent);
            blocks[0] = exponent;
            for (var j = 0; j < 16; j++)
            {
                blocks[1 + j] = (byte)(NearestCode(values[j], d) | (NearestCode(values[j + 16], d) << 4));
            }
        }
    }

    /// <summary>The nearest code of <c>value ≈ d × Values[code]</c>, the first of equals.</summary>
    internal static byte NearestCode(float value, float d)
    {
        var (best, error) = (0, MathF.Abs((Values[0] * d) - value));
        for (var code = 1; code < 16; code++)
        {
            var e = MathF.Abs((Values[code] * d) - value);
            if (e < error)
            {
                (best, error) = (code, e);
            }
        }

        return (byte)best;
    }
}
