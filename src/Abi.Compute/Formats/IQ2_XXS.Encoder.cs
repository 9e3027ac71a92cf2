namespace Abi.Compute.Formats;

/// <content>A search over 13 scales around the best of plain levels, each group of 8 at a near point of the codebook; the scales are then rounded to 4 bits.</content>
public readonly partial struct IQ2_XXS : IEncodableBlockFormat
{
    /// <inheritdoc/>
    public static bool NeedsImportance => true;

    /// <inheritdoc/>
    public static void Encode(ReadOnlySpan<float> values, ReadOnlySpan<float> importance, Span<byte> blocks)
    {
        Span<float> weights = stackalloc float[32];
        Span<float> roots = stackalloc float[32];
        Span<float> magnitudes = stackalloc float[32];
        Span<byte> levels = stackalloc byte[32];
        Span<float> scales = stackalloc float[8];
        for (; !blocks.IsEmpty; values = values[256..], blocks = blocks[BlockBytes..])
        {
            var block = blocks[..BlockBytes];
            block.Clear();
            scales.Clear();
            var sigma2 = ScaleSearch.MeanSquare(values[..256]);
            for (var group = 0; group < 8; group++)
            {
                var x = values.Slice(group * 32, 32);
                ScaleSearch.Weights(x, importance[(group * 32)..], sigma2, weights);
                for (var i = 0; i < 32; i++)
                {
                    roots[i] = MathF.Sqrt(weights[i]);
                }

                var signs = 0u;
                for (var k = 0; k < 4; k++)
                {
                    signs |= (uint)CodebookSearch.TakeSigns(x[(8 * k)..], weights[(8 * k)..], even: true, magnitudes[(8 * k)..]) << (7 * k);
                }

                if (CodebookSearch.Largest(magnitudes) < ScaleSearch.Epsilon || Fit(magnitudes, weights, roots, levels) is not { } scale)
                {
                    continue;
                }

                scales[group] = MathF.Abs(scale);
                for (var k = 0; k < 4; k++)
                {
                    block[2 + (8 * group) + k] = (byte)CodebookSearch.IQ2_XXS.PointOf(levels.Slice(8 * k, 8));
                }

                Packed.UInt32(block, 6 + (8 * group), scale < 0 ? ~signs & 0x0fffffff : signs);
            }

            importance = importance[256..];
            var d = CodebookSearch.Largest(scales) / 31;
            if (d == 0)
            {
                block.Clear();
                continue;
            }

            Packed.Half(block, 0, d);
            for (var group = 0; group < 8; group++)
            {
                block[9 + (8 * group)] |= (byte)(CodebookSearch.ScaleLevel(scales[group], 1 / d) << 4);
            }
        }
    }

    /// <summary>The scale and the points of a group of 32 magnitudes, or null when all are too small.</summary>
    private static float? Fit(ReadOnlySpan<float> magnitudes, ReadOnlySpan<float> weights, ReadOnlySpan<float> roots, Span<byte> levels)
    {
        Span<byte> candidate = stackalloc byte[32];
        var scale = ScaleSearch.Positive(4, magnitudes, weights, levels);
        var largest = scale * 3;
        if (largest <= 0)
        {
            return null;
        }

        var best = 0f;
        for (var step = -6; step <= 6; step++)
        {
            var inverse = (5 + (step * 0.1f)) / largest;
            CodebookSearch.IQ2_XXS.Round(magnitudes, roots, inverse, 1 / inverse, 2, candidate);
            var (sumX, sumL) = CodebookSearch.Sums(magnitudes, weights, candidate);
            if (sumL > 0 && sumX * sumX > best * sumL)
            {
                scale = sumX / sumL;
                best = scale * sumX;
                candidate.CopyTo(levels);
            }
        }

        if (scale > 0)
        {
            CodebookSearch.IQ2_XXS.Round(magnitudes, roots, 1 / scale, scale, 2, levels);
            var (sumX, sumL) = CodebookSearch.Sums(magnitudes, weights, levels);
            scale = sumL > 0 ? sumX / sumL : scale;
        }

        return scale;
    }
}
