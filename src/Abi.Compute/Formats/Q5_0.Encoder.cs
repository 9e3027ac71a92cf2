namespace Abi.Compute.Formats;

/// <content>The extreme value becomes −16 exactly; with importance weights, a search for the scale.</content>
public readonly partial struct Q5_0 : IEncodableBlockFormat
{
    /// <inheritdoc/>
    public static void Encode(ReadOnlySpan<float> values, ReadOnlySpan<float> importance, Span<byte> blocks)
    {
        Span<byte> levels = stackalloc byte[32];
        Span<float> weights = stackalloc float[32];
        var sigma2 = importance.IsEmpty ? 0 : ScaleSearch.MeanSquare(values);
        for (var at = 0; !blocks.IsEmpty; at += 32, blocks = blocks[BlockBytes..])
        {
            var x = values.Slice(at, 32);
            float d;
            if (importance.IsEmpty)
            {
                d = ScaleSearch.LargestMagnitude(x, out _) / -16;
                var inverse = d != 0 ? 1 / d : 0;
                for (var j = 0; j < 32; j++)
                {
                    levels[j] = (byte)Math.Min(31, (int)((x[j] * inverse) + 16.5f));
                }
            }
            else
            {
                ScaleSearch.Weights(x, importance[at..], sigma2, weights);
                d = ScaleSearch.Symmetric(16, x, weights, levels);
            }

            Packed.Half(blocks, 0, d);
            Packed.UInt32(blocks, 2, Packed.FifthBits(levels));
            Packed.Nibbles(levels, blocks[6..]);
        }
    }
}
