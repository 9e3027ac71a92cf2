namespace Abi.Compute.Formats;

/// <content>A search over 19 scales, each group of 4 at a near point of the codebook; the scales are then rounded to 4 bits.</content>
public readonly partial struct IQ3_S : IEncodableBlockFormat
{
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
            var sigma2 = importance.IsEmpty ? 0 : 2 * ScaleSearch.MeanSquare(values[..256]);
            for (var group = 0; group < 8; group++)
            {
                var x = values.Slice(group * 32, 32);
                ScaleSearch.WeightsOrSquares(x, importance.IsEmpty ? default : importance[(group * 32)..], sigma2, weights);
                for (var i = 0; i < 32; i++)
                {
                    roots[i] = MathF.Sqrt(weights[i]);
                }

                for (var k = 0; k < 4; k++)
                {
                    block[74 + (4 * group) + k] = (byte)CodebookSearch.TakeSigns(x[(8 * k)..], weights[(8 * k)..], even: false, magnitudes[(8 * k)..]);
                }

                if (CodebookSearch.Largest(magnitudes) == 0)
                {
                    block.Slice(74 + (4 * group), 4).Clear();
                    continue;
                }

                scales[group] = CodebookSearch.IQ3_S.Fit(magnitudes, weights, roots, 7, 9, 0.2f, refitsAll: true, levels);
                if (scales[group] < 0)
                {
                    scales[group] = -scales[group];
                    for (var k = 0; k < 4; k++)
                    {
                        block[74 + (4 * group) + k] ^= 255;
                    }
                }

                for (var k = 0; k < 8; k++)
                {
                    var point = CodebookSearch.IQ3_S.PointOf(levels.Slice(4 * k, 4));
                    block[2 + (8 * group) + k] = (byte)point;
                    block[66 + group] |= (byte)((point >> 8) << k);
                }
            }

            importance = importance.IsEmpty ? default : importance[256..];
            var d = CodebookSearch.Largest(scales) / 31;
            if (d == 0)
            {
                continue;
            }

            // The factor makes up for what rounding the scales loses.
            Packed.Half(block, 0, d * 1.033f);
            for (var group = 0; group < 8; group++)
            {
                block[106 + (group / 2)] |= (byte)(CodebookSearch.ScaleLevel(scales[group], 1 / d) << (group % 2 * 4));
            }
        }
    }
}
