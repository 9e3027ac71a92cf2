namespace Abi.Compute.Formats;

/// <content>Each sub-block searches its scale; the scales are then rounded to 6 bits, and the elements fitted to them.</content>
public readonly partial struct Q3_K : IEncodableBlockFormat
{
    /// <inheritdoc/>
    public static void Encode(ReadOnlySpan<float> values, ReadOnlySpan<float> importance, Span<byte> blocks)
    {
        Span<byte> levels = stackalloc byte[256];
        Span<float> weights = stackalloc float[16];
        Span<float> scales = stackalloc float[16];
        Span<byte> scaleLevels = stackalloc byte[16];
        Span<float> sums = stackalloc float[16];
        for (; !blocks.IsEmpty; values = values[256..], blocks = blocks[BlockBytes..])
        {
            var sigma2 = importance.IsEmpty ? 0 : 2 * ScaleSearch.MeanSquare(values[..256]);
            for (var group = 0; group < 16; group++)
            {
                var x = values.Slice(group * 16, 16);
                if (importance.IsEmpty)
                {
                    scales[group] = ScaleSearch.SymmetricRefined(4, x, levels.Slice(group * 16, 16));
                }
                else
                {
                    ScaleSearch.Weights(x, importance[(group * 16)..], sigma2, weights);
                    sums[group] = ScaleSearch.Sum(weights);
                    scales[group] = ScaleSearch.Symmetric(4, x, weights, levels.Slice(group * 16, 16));
                }
            }

            var block = blocks[..BlockBytes];
            block.Clear();
            if (importance.IsEmpty)
            {
                var largest = ScaleSearch.LargestMagnitude(scales, out _);
                var inverse = largest != 0 ? -32f / largest : 0;
                for (var group = 0; largest != 0 && group < 16; group++)
                {
                    scaleLevels[group] = (byte)(Math.Max(-32, Math.Min(31, (int)(sbyte)ScaleSearch.Nearest(inverse * scales[group]))) + 32);
                }

                if (largest == 0)
                {
                    scaleLevels.Clear();
                }

                Packed.Half(block, 108, largest != 0 ? 1 / inverse : 0);
            }
            else
            {
                Packed.Half(block, 108, ScaleSearch.Symmetric(32, scales, sums, scaleLevels));
                importance = importance[256..];
            }

            var d = Packed.Half(block, 108);
            for (var group = 0; group < 16; group++)
            {
                block[96 + (group % 8)] |= (byte)((scaleLevels[group] & 15) << (group / 8 * 4));
                block[104 + (group % 4)] |= (byte)((scaleLevels[group] >> 4) << (group / 4 * 2));
                ScaleSearch.FitSymmetric(4, values.Slice(group * 16, 16), d * (scaleLevels[group] - 32), levels[(group * 16)..]);
            }

            for (var i = 0; i < 256; i++)
            {
                block[i % 32] |= (byte)((levels[i] >> 2) << (i / 32));
            }

            Packed.Pairs(levels, block[32..]);
        }
    }
}
