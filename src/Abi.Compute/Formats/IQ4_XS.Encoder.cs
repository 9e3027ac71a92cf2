namespace Abi.Compute.Formats;

/// <content>Each sub-block searches its scale as in <see cref="IQ4_NL"/>; the scales are then rounded to 6 bits, and the elements fitted to them.</content>
public readonly partial struct IQ4_XS : IEncodableBlockFormat
{
    /// <inheritdoc/>
    public static void Encode(ReadOnlySpan<float> values, ReadOnlySpan<float> importance, Span<byte> blocks)
    {
        Span<float> weights = stackalloc float[32];
        Span<float> scales = stackalloc float[8];
        for (; !blocks.IsEmpty; values = values[256..], blocks = blocks[BlockBytes..])
        {
            var sigma2 = importance.IsEmpty ? 0 : IQ4_NL.SpreadOf(values[..256]);
            for (var group = 0; group < 8; group++)
            {
                var x = values.Slice(group * 32, 32);
                ScaleSearch.WeightsOrSquares(x, importance.IsEmpty ? default : importance[(group * 32)..], sigma2, weights);
                scales[group] = IQ4_NL.SearchScale(x, weights);
            }

            importance = importance.IsEmpty ? default : importance[256..];
            var block = blocks[..BlockBytes];
            block.Clear();
            var d = -ScaleSearch.LargestMagnitude(scales, out _) / 32;
            var inverse = d != 0 ? 1 / d : 0;
            Packed.Half(block, 0, d);
            for (var group = 0; group < 8; group++)
            {
                // The elements are fitted to the scale before it is rounded to half precision, as the reference does.
                var level = Math.Max(-32, Math.Min(31, ScaleSearch.Nearest(inverse * scales[group])));
                var scale = d * level;
                IQ4_NL.Nearest(values.Slice(group * 32, 32), scale != 0 ? 1 / scale : 0, block[(8 + (group * 16))..]);
                level += 32;
                block[4 + (group / 2)] |= (byte)((level & 15) << (group % 2 * 4));
                block[2 + (group / 4)] |= (byte)((level >> 4) << (group % 4 * 2));
            }
        }
    }
}
