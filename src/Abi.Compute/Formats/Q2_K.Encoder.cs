namespace Abi.Compute.Formats;

/// <content>Each sub-block searches scale and minimum; these are then rounded to 4 bits, and the elements fitted to them.</content>
public readonly partial struct Q2_K : IEncodableBlockFormat
{
    /// <inheritdoc/>
    public static void Encode(ReadOnlySpan<float> values, ReadOnlySpan<float> importance, Span<byte> blocks)
    {
        Span<byte> levels = stackalloc byte[256];
        Span<float> weights = stackalloc float[16];
        Span<float> scales = stackalloc float[16];
        Span<float> minimums = stackalloc float[16];
        Span<byte> scaleLevels = stackalloc byte[16];
        Span<byte> minimumLevels = stackalloc byte[16];
        Span<float> sums = stackalloc float[16];
        for (; !blocks.IsEmpty; values = values[256..], blocks = blocks[BlockBytes..])
        {
            var sigma2 = importance.IsEmpty ? 0 : ScaleSearch.MeanSquare(values[..256]);
            for (var group = 0; group < 16; group++)
            {
                var x = values.Slice(group * 16, 16);
                if (importance.IsEmpty)
                {
                    for (var j = 0; j < 16; j++)
                    {
                        weights[j] = MathF.Abs(x[j]);
                    }

                    scales[group] = ScaleSearch.Affine(3, x, weights, levels.Slice(group * 16, 16), out minimums[group], -0.5f, 0.1f, 15, absolute: true);
                }
                else
                {
                    ScaleSearch.Weights(x, importance[(group * 16)..], sigma2, weights);
                    sums[group] = ScaleSearch.Sum(weights);
                    scales[group] = ScaleSearch.Affine(3, x, weights, levels.Slice(group * 16, 16), out minimums[group], -0.9f, 0.05f, 36, absolute: false);
                }
            }

            var block = blocks[..BlockBytes];
            if (importance.IsEmpty)
            {
                Packed.Half(block, 80, ScaleSearch.EvenLevels(15, scales, scaleLevels));
                Packed.Half(block, 82, ScaleSearch.EvenLevels(15, minimums, minimumLevels));
            }
            else
            {
                Packed.Half(block, 80, ScaleSearch.Positive(15, scales, sums, scaleLevels));
                Packed.Half(block, 82, ScaleSearch.Positive(15, minimums, sums, minimumLevels));
                importance = importance[256..];
            }

            for (var group = 0; group < 16; group++)
            {
                block[group] = (byte)(scaleLevels[group] | (minimumLevels[group] << 4));
            }

            ScaleSearch.FitLevels(3, values, Packed.Half(block, 80), Packed.Half(block, 82), scaleLevels, minimumLevels, levels);
            Packed.Pairs(levels, block[16..]);
        }
    }
}
