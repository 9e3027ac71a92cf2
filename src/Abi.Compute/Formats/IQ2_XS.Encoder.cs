namespace Abi.Compute.Formats;

/// <content>A search over 19 scales, each group of 8 at a near point of the codebook; the scales are then rounded to 4 bits.</content>
public readonly partial struct IQ2_XS : IEncodableBlockFormat
{
    /// <inheritdoc/>
    public static bool NeedsImportance => true;

    /// <inheritdoc/>
    public static void Encode(ReadOnlySpan<float> values, ReadOnlySpan<float> importance, Span<byte> blocks)
    {
        Span<float> weights = stackalloc float[16];
        Span<float> roots = stackalloc float[16];
        Span<float> magnitudes = stackalloc float[16];
        Span<byte> levels = stackalloc byte[16];
        Span<float> scales = stackalloc float[16];
        for (; !blocks.IsEmpty; values = values[256..], blocks = blocks[BlockBytes..])
        {
            var block = blocks[..BlockBytes];
            block.Clear();
            scales.Clear();
            var sigma2 = ScaleSearch.MeanSquare(values[..256]);
            for (var group = 0; group < 16; group++)
            {
                var x = values.Slice(group * 16, 16);
                ScaleSearch.Weights(x, importance[(group * 16)..], sigma2, weights);
                for (var i = 0; i < 16; i++)
                {
                    roots[i] = MathF.Sqrt(weights[i]);
                }

                var first = CodebookSearch.TakeSigns(x, weights, even: true, magnitudes);
                var second = CodebookSearch.TakeSigns(x[8..], weights[8..], even: true, magnitudes[8..]);
                if (CodebookSearch.Largest(magnitudes) < ScaleSearch.Epsilon)
                {
                    continue;
                }

                scales[group] = CodebookSearch.IQ2_XS.Fit(magnitudes, weights, roots, 2, 9, 0.1f, refitsAll: false, levels);
                if (scales[group] < 0)
                {
                    (scales[group], first, second) = (-scales[group], ~first & 127, ~second & 127);
                }

                for (var k = 0; k < 2; k++)
                {
                    var point = CodebookSearch.IQ2_XS.PointOf(levels.Slice(8 * k, 8)) | ((k == 0 ? first : second) << 9);
                    block[2 + (4 * group) + (2 * k)] = (byte)point;
                    block[3 + (4 * group) + (2 * k)] = (byte)(point >> 8);
                }
            }

            importance = importance[256..];
            var d = CodebookSearch.Largest(scales) / 31;
            if (d == 0)
            {
                block.Clear();
                continue;
            }

            Packed.Half(block, 0, d);
            for (var group = 0; group < 16; group++)
            {
                block[66 + (group / 2)] |= (byte)(CodebookSearch.ScaleLevel(scales[group], 1 / d) << (group % 2 * 4));
            }
        }
    }
}
