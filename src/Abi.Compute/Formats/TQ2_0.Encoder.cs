namespace Abi.Compute.Formats;

/// <content>The largest magnitude is the scale. Importance weights change nothing.</content>
public readonly partial struct TQ2_0 : IEncodableBlockFormat
{
    /// <inheritdoc/>
    public static void Encode(ReadOnlySpan<float> values, ReadOnlySpan<float> importance, Span<byte> blocks)
    {
        for (; !blocks.IsEmpty; values = values[256..], blocks = blocks[66..])
        {
            ScaleSearch.LargestMagnitude(values[..256], out var d);
            var inverse = d != 0 ? 1 / d : 0;
            Packed.Half(blocks, 64, d);
            for (var at = 0; at < 64; at++)
            {
                var start = (at / 32 * 128) + (at % 32);
                var q = 0;
                for (var n = 0; n < 4; n++)
                {
                    q |= ((ScaleSearch.RoundAway(values[start + (n * 32)] * inverse) + 1) & 3) << (2 * n);
                }

                blocks[at] = (byte)q;
            }
        }
    }
}
