namespace Abi.Compute.Formats;

/// <summary>Sorts a group of values for the encoders of <see cref="IQ1_S"/> and <see cref="IQ1_M"/>, which try every split of the sorted values into three levels.</summary>
internal static class TernarySplit
{
    /// <summary>What the levels stand for when the shift is positive: −1, 0 and 1, shifted by 1/8.</summary>
    public static ReadOnlySpan<float> Up => [-0.875f, 0.125f, 1.125f];

    /// <summary>What the levels stand for when the shift is negative.</summary>
    public static ReadOnlySpan<float> Down => [-1.125f, -0.125f, 0.875f];

    /// <summary>The indices of the values in ascending order; equal values keep theirs.</summary>
    public static void Sort(ReadOnlySpan<float> values, Span<byte> order)
    {
        for (var i = 0; i < values.Length; i++)
        {
            var at = i;
            for (; at > 0 && values[order[at - 1]] > values[i]; at--)
            {
                order[at] = order[at - 1];
            }

            order[at] = (byte)i;
        }
    }

    /// <summary>Sets the levels of a split: 0 before <paramref name="first"/>, 1 before <paramref name="second"/>, 2 behind, the other way round if asked.</summary>
    public static void Apply(ReadOnlySpan<byte> order, int first, int second, bool reversed, Span<byte> levels)
    {
        for (var j = 0; j < order.Length; j++)
        {
            var level = j < first ? 0 : j < second ? 1 : 2;
            levels[order[j]] = (byte)(reversed ? 2 - level : level);
        }
    }

    /// <summary>Adds a point's part to the sums <c>Σ w x q</c> and <c>Σ w q²</c>.</summary>
    public static void Add(ReadOnlySpan<float> values, ReadOnlySpan<float> weights, ReadOnlySpan<byte> levels, ReadOnlySpan<float> meanings, float factor, ref float sumX, ref float sumL)
    {
        for (var j = 0; j < levels.Length; j++)
        {
            var q = meanings[levels[j]] * factor;
            sumX += weights[j] * q * values[j];
            sumL += weights[j] * q * q;
        }
    }

    /// <summary>The largest magnitude.</summary>
    public static float Magnitude(ReadOnlySpan<float> values)
    {
        ScaleSearch.LargestMagnitude(values, out var magnitude);
        return magnitude;
    }
}
