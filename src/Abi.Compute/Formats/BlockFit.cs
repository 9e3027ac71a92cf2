namespace Abi.Compute.Formats;

/// <summary>Fits of whole blocks that formats share which differ only in their number of levels.</summary>
internal static class BlockFit
{
    /// <summary>Fits a block of 32 by a scale: the extreme value becomes −<paramref name="half"/> exactly; with importance weights, a search for the scale.</summary>
    /// <param name="half">Half the number of levels; the level <paramref name="half"/> is zero.</param>
    /// <param name="x">[32].</param>
    /// <param name="importance">[32], or nothing.</param>
    /// <param name="sigma2">The row's mean square.</param>
    /// <param name="levels">[32], written.</param>
    /// <returns>The scale.</returns>
    public static float Symmetric(int half, ReadOnlySpan<float> x, ReadOnlySpan<float> importance, float sigma2, Span<byte> levels)
    {
        if (!importance.IsEmpty)
        {
            Span<float> weights = stackalloc float[32];
            ScaleSearch.Weights(x, importance, sigma2, weights);
            return ScaleSearch.Symmetric(half, x, weights, levels);
        }

        var d = ScaleSearch.LargestMagnitude(x, out _) / -half;
        var inverse = d != 0 ? 1 / d : 0;
        for (var j = 0; j < 32; j++)
        {
            levels[j] = (byte)Math.Min((2 * half) - 1, (int)((x[j] * inverse) + (half + 0.5f)));
        }

        return d;
    }

    /// <summary>Fits a block of 32 by a scale and a minimum: the range is divided evenly; with importance weights, a search for both.</summary>
    /// <param name="top">The greatest level.</param>
    /// <param name="x">[32].</param>
    /// <param name="importance">[32], or nothing.</param>
    /// <param name="sigma2">The row's mean square.</param>
    /// <param name="levels">[32], written.</param>
    /// <returns>The scale, and the value of level 0.</returns>
    public static (float Scale, float Minimum) Range(int top, ReadOnlySpan<float> x, ReadOnlySpan<float> importance, float sigma2, Span<byte> levels)
    {
        if (!importance.IsEmpty)
        {
            Span<float> weights = stackalloc float[32];
            ScaleSearch.Weights(x, importance, sigma2, weights);
            return (ScaleSearch.Affine(top, x, weights, levels, out var below, -0.9f, 0.05f, 36, absolute: false), -below);
        }

        var (min, max) = (float.MaxValue, float.MinValue);
        foreach (var value in x)
        {
            min = value < min ? value : min;
            max = value > max ? value : max;
        }

        var d = (max - min) / top;
        var inverse = d != 0 ? 1 / d : 0;
        for (var j = 0; j < 32; j++)
        {
            levels[j] = (byte)Math.Min(top, (int)(((x[j] - min) * inverse) + 0.5f));
        }

        return (d, min);
    }

    /// <summary>
    /// Fits a block of 256 whose eight sub-blocks have scales and minimums of 6 bits each: every sub-block searches both, they are rounded together, and the elements fitted to what they became.
    /// Writes the halves and the 12 bytes of scales at the head of the block.
    /// </summary>
    /// <param name="top">The greatest level.</param>
    /// <param name="x">[256].</param>
    /// <param name="importance">[256], or nothing.</param>
    /// <param name="start">Where the search without importance begins, relative to the even division.</param>
    /// <param name="steps">How many scales it tries, 0.1 apart.</param>
    /// <param name="block">The block.</param>
    /// <param name="levels">[256], written.</param>
    public static void SubBlocksWithMinimums(int top, ReadOnlySpan<float> x, ReadOnlySpan<float> importance, float start, int steps, Span<byte> block, Span<byte> levels)
    {
        Span<float> weights = stackalloc float[32];
        Span<float> scales = stackalloc float[8];
        Span<float> minimums = stackalloc float[8];
        Span<byte> scaleLevels = stackalloc byte[8];
        Span<byte> minimumLevels = stackalloc byte[8];
        if (importance.IsEmpty)
        {
            for (var group = 0; group < 8; group++)
            {
                var values = x.Slice(group * 32, 32);
                ScaleSearch.WeightsOfMagnitude(values, weights);
                scales[group] = ScaleSearch.Affine(top, values, weights, levels.Slice(group * 32, 32), out minimums[group], start, 0.1f, steps, absolute: false);
            }

            Packed.Half(block, 0, ScaleSearch.EvenLevels(63, scales, scaleLevels));
            Packed.Half(block, 2, ScaleSearch.EvenLevels(63, minimums, minimumLevels));
        }
        else
        {
            Span<float> sums = stackalloc float[8];
            var sigma2 = ScaleSearch.MeanSquare(x, 2);
            for (var group = 0; group < 8; group++)
            {
                var values = x.Slice(group * 32, 32);
                ScaleSearch.Weights(values, importance[(group * 32)..], sigma2, weights);
                sums[group] = ScaleSearch.Sum(weights);
                scales[group] = ScaleSearch.Affine(top, values, weights, levels.Slice(group * 32, 32), out minimums[group], -0.9f, 0.05f, 36, absolute: false);
            }

            Packed.Half(block, 0, ScaleSearch.Positive(63, scales, sums, scaleLevels));
            Packed.Half(block, 2, ScaleSearch.Positive(63, minimums, sums, minimumLevels));
        }

        Packed.ScalesAndMinimums(scaleLevels, minimumLevels, block[4..]);
        ScaleSearch.FitLevels(top, x, Packed.Half(block), Packed.Half(block, 2), scaleLevels, minimumLevels, levels);
    }
}
