namespace Abi.Compute.Formats;

/// <content>As Q8_0, and the sum of the levels times the scale.</content>
public readonly partial struct Q8_1 : IEncodableBlockFormat
{
    /// <inheritdoc/>
    public static void Encode(ReadOnlySpan<float> values, ReadOnlySpan<float> importance, Span<byte> blocks)
    {
        for (; !blocks.IsEmpty; values = values[32..], blocks = blocks[36..])
        {
            var x = values[..32];
            ScaleSearch.LargestMagnitude(x, out var magnitude);
            var d = magnitude / 127;
            var inverse = d != 0 ? 1 / d : 0;
            var sum = 0;
            for (var j = 0; j < 32; j++)
            {
                var level = ScaleSearch.RoundAway(x[j] * inverse);
                blocks[4 + j] = (byte)level;
                sum += level;
            }

            Packed.Half(blocks, 0, d);
            Packed.Half(blocks, 2, sum * d);
        }
    }
}
