namespace Abi.Compute.Formats;

/// <content>The range is divided evenly; with importance weights, a search for scale and minimum.</content>
public readonly partial struct Q4_1 : IEncodableBlockFormat
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
            var (d, min) = (0f, 0f);
            if (importance.IsEmpty)
            {
                (min, var max) = (float.MaxValue, float.MinValue);
                foreach (var value in x)
                {
                    min = value < min ? value : min;
                    max = value > max ? value : max;
                }

                d = (max - min) / 15;
                var inverse = d != 0 ? 1 / d : 0;
                for (var j = 0; j < 32; j++)
                {
                    levels[j] = (byte)Math.Min(15, (int)(((x[j] - min) * inverse) + 0.5f));
                }
            }
            else
            {
                ScaleSearch.Weights(x, importance[at..], sigma2, weights);
                d = ScaleSearch.Affine(15, x, weights, levels, out min, -0.9f, 0.05f, 36, absolute: false);
                min = -min;
            }

            Packed.Half(blocks, 0, d);
            Packed.Half(blocks, 2, min);
            Packed.Nibbles(levels, blocks[4..]);
        }
    }
}
