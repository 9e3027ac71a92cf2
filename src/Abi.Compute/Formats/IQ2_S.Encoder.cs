namespace Abi.Compute.Formats;

/// <content>A search over 19 scales, each group of 8 at a near point of the codebook; the scales are then rounded to 4 bits.</content>
public readonly partial struct IQ2_S : IEncodableBlockFormat
{
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
            var sigma2 = 2 * ScaleSearch.MeanSquare(values[..256]);
            for (var group = 0; group < 16; group++)
            {
                var x = values.Slice(group * 16, 16);
                if (importance.IsEmpty)
                {
                    for (var i = 0; i < 16; i++)
                    {
                        weights[i] = (0.25f * sigma2) + (x[i] * x[i]);
                    }
                }
                else
                {
                    ScaleSearch.Weights(x, importance[(group * 16)..], sigma2, weights);
                }

                for (var i = 0; i < 16; i++)
                {
                    roots[i] = MathF.Sqrt(weights[i]);
                }

                var first = CodebookSearch.TakeSigns(x, weights, even: false, magnitudes);
                var second = CodebookSearch.TakeSigns(x[8..], weights[8..], even: false, magnitudes[8..]);
                if (CodebookSearch.Largest(magnitudes) < 1e-8f)
                {
                    continue;
                }

                scales[group] = CodebookSearch.IQ2_S.Fit(magnitudes, weights, roots, 2, 9, 0.1f, refitsAll: false, levels);
                if (scales[group] < 0)
                {
                    (scales[group], first, second) = (-scales[group], ~first, ~second);
                }

                for (var k = 0; k < 2; k++)
                {
                    var (at, point) = ((2 * group) + k, CodebookSearch.IQ2_S.PointOf(levels.Slice(8 * k, 8)));
                    block[2 + at] = (byte)point;
                    block[34 + at] = (byte)(k == 0 ? first : second);
                    block[66 + (at / 4)] |= (byte)((point >> 8) << (2 * (at % 4)));
                }
            }

            importance = importance.IsEmpty ? default : importance[256..];
            var d = CodebookSearch.Largest(scales) / 31;
            if (d == 0)
            {
                continue;
            }

            // The factor makes up for what rounding the scales loses.
            Packed.Half(block, 0, d * 0.9875f);
            for (var group = 0; group < 16; group++)
            {
                block[74 + (group / 2)] |= (byte)(CodebookSearch.ScaleLevel(scales[group], 1 / d) << (group % 2 * 4));
            }
        }
    }
}
