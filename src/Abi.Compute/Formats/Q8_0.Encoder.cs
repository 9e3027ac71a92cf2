namespace Abi.Compute.Formats;

/// <content>The largest magnitude becomes 127; rounding to nearest, ties away from zero. Importance weights change nothing.</content>
public readonly partial struct Q8_0 : IEncodableBlockFormat
{
    /// <inheritdoc/>
    public static void Encode(ReadOnlySpan<float> values, ReadOnlySpan<float> importance, Span<byte> blocks)
    {
        for (; !blocks.IsEmpty; values = values[32..], blocks = blocks[34..])
        {
            var x = values[..32];
            ScaleSearch.LargestMagnitude(x, out var magnitude);
            var d = magnitude / 127;
            var inverse = d != 0 ? 1 / d : 0;
            Packed.Half(blocks, 0, d);
            var levels = blocks.Slice(2, 32);
            for (var j = 0; j < levels.Length; j++)
            {
                levels[j] = (byte)ScaleSearch.RoundAway(x[j] * inverse);
            }
        }
    }
}
