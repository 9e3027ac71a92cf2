namespace Abi.Compute.Formats;

/// <content>A search over 15 scales, each element at the nearest value of the table.</content>
public readonly partial struct IQ4_NL : IEncodableBlockFormat
{
    /// <inheritdoc/>
    public static void Encode(ReadOnlySpan<float> values, ReadOnlySpan<float> importance, Span<byte> blocks)
    {
        Span<float> weights = stackalloc float[32];
        for (; !blocks.IsEmpty; values = values[32..], blocks = blocks[BlockBytes..])
        {
            var x = values[..32];
            ScaleSearch.WeightsOrSquares(x, importance, importance.IsEmpty ? 0 : SpreadOf(x), weights);
            importance = importance.IsEmpty ? default : importance[32..];
            var d = SearchScale(x, weights);
            Packed.Half(blocks, 0, d);
            Nearest(x, d != 0 ? 1 / d : 0, blocks[2..]);
        }
    }

    /// <summary>Twice the mean of the squares, in the reference's order of operations.</summary>
    internal static float SpreadOf(ReadOnlySpan<float> values)
    {
        var sum = 0f;
        foreach (var value in values)
        {
            sum += value * value;
        }

        return sum * (2f / values.Length);
    }

    /// <summary>The scale d of <c>x ≈ d × v[q]</c> with the least weighted error of 15 candidates.</summary>
    internal static float SearchScale(ReadOnlySpan<float> values, ReadOnlySpan<float> weights)
    {
        var max = ScaleSearch.LargestMagnitude(values, out var magnitude);
        if (magnitude < ScaleSearch.Epsilon)
        {
            return 0;
        }

        var (sumX, sumL) = Sums(values, weights, 1 / (-max / Values[0]));
        var d = sumL > 0 ? sumX / sumL : 0;
        var best = d * sumX;
        for (var step = -7; step <= 7; step++)
        {
            (sumX, sumL) = Sums(values, weights, (step + Values[0]) / max);
            if (sumL > 0 && sumX * sumX > best * sumL)
            {
                d = sumX / sumL;
                best = d * sumX;
            }
        }

        return d;
    }

    /// <summary>Packs the codes of 32 values that are nearest after multiplication with the inverse scale.</summary>
    internal static void Nearest(ReadOnlySpan<float> values, float inverse, Span<byte> packed)
    {
        for (var j = 0; j < 16; j++)
        {
            packed[j] = (byte)(ScaleSearch.NearestIndex(Values, inverse * values[j]) | (ScaleSearch.NearestIndex(Values, inverse * values[j + 16]) << 4));
        }
    }

    private static (float SumX, float SumL) Sums(ReadOnlySpan<float> values, ReadOnlySpan<float> weights, float inverse)
    {
        var (sumX, sumL) = (0f, 0f);
        for (var j = 0; j < values.Length; j++)
        {
            float q = Values[ScaleSearch.NearestIndex(Values, inverse * values[j])];
            sumX += weights[j] * q * values[j];
            sumL += weights[j] * q * q;
        }

        return (sumX, sumL);
    }
}
