namespace Abi.Compute.Formats;

/// <content>Each sub-block searches scale and minimum; the scales and minimums are then rounded to 6 bits, and the elements fitted to them.</content>
public readonly partial struct Q4_K : IEncodableBlockFormat
{
    /// <inheritdoc/>
    public static void Encode(ReadOnlySpan<float> values, ReadOnlySpan<float> importance, Span<byte> blocks)
    {
        Span<byte> levels = stackalloc byte[256];
        Span<float> weights = stackalloc float[32];
        Span<float> scales = stackalloc float[8];
        Span<float> minimums = stackalloc float[8];
        Span<byte> scaleLevels = stackalloc byte[8];
        Span<byte> minimumLevels = stackalloc byte[8];
        Span<float> sums = stackalloc float[8];
        for (; !blocks.IsEmpty; values = values[256..], blocks = blocks[BlockBytes..])
        {
            var sigma2 = importance.IsEmpty ? 0 : ScaleSearch.MeanSquare(values[..256], 2);
            for (var group = 0; group < 8; group++)
            {
                var x = values.Slice(group * 32, 32);
                if (importance.IsEmpty)
                {
                    ScaleSearch.WeightsOfMagnitude(x, weights);
                    scales[group] = ScaleSearch.Affine(15, x, weights, levels.Slice(group * 32, 32), out minimums[group], -1f, 0.1f, 20, absolute: false);
                }
                else
                {
                    ScaleSearch.Weights(x, importance[(group * 32)..], sigma2, weights);
                    sums[group] = ScaleSearch.Sum(weights);
                    scales[group] = ScaleSearch.Affine(15, x, weights, levels.Slice(group * 32, 32), out minimums[group], -0.9f, 0.05f, 36, absolute: false);
                }
            }

            var block = blocks[..BlockBytes];
            if (importance.IsEmpty)
            {
                Packed.Half(block, 0, ScaleSearch.EvenLevels(63, scales, scaleLevels));
                Packed.Half(block, 2, ScaleSearch.EvenLevels(63, minimums, minimumLevels));
            }
            else
            {
                Packed.Half(block, 0, ScaleSearch.Positive(63, scales, sums, scaleLevels));
                Packed.Half(block, 2, ScaleSearch.Positive(63, minimums, sums, minimumLevels));
                importance = importance[256..];
            }

            Packed.ScalesAndMinimums(scaleLevels, minimumLevels, block[4..]);
            ScaleSearch.FitLevels(15, values, Packed.Half(block), Packed.Half(block, 2), scaleLevels, minimumLevels, levels);
            for (var j = 0; j < 128; j++)
            {
                // Byte l of each 32 holds element l of one sub-block in its low and of the next in its high nibble.
                var at = (j / 32 * 64) + (j % 32);
                block[16 + j] = (byte)(levels[at] | (levels[at + 32] << 4));
            }
        }
    }
}
