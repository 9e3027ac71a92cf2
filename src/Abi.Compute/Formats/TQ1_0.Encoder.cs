namespace Abi.Compute.Formats;

/// <content>The largest magnitude is the scale. Importance weights change nothing.</content>
public readonly partial struct TQ1_0 : IEncodableBlockFormat
{
    /// <inheritdoc/>
    public static void Encode(ReadOnlySpan<float> values, ReadOnlySpan<float> importance, Span<byte> blocks)
    {
        for (; !blocks.IsEmpty; values = values[256..], blocks = blocks[54..])
        {
            ScaleSearch.LargestMagnitude(values[..256], out var d);
            var inverse = d != 0 ? 1 / d : 0;
            Packed.Half(blocks, 52, d);
            for (var at = 0; at < 52; at++)
            {
                // 32 bytes of five digits, 16 bytes apart of five, 4 bytes of four: the mirror of Decode.
                var (start, stride, count) = at < 32 ? (at, 32, 5) : at < 48 ? (160 + at - 32, 16, 5) : (240 + at - 48, 4, 4);
                var q = 0;
                for (var digit = 0; digit < 5; digit++)
                {
                    q = (q * 3) + (digit < count ? ScaleSearch.RoundAway(values[start + (digit * stride)] * inverse) + 1 : 0);
                }

                blocks[at] = (byte)((((byte)q * 256) + 242) / 243);
            }
        }
    }
}
