namespace Abi.Compute.Formats;

/// <content>The largest magnitude is the scale; the level 2 is used only by rounding. Importance weights change nothing.</content>
public readonly partial struct Q2_0 : IEncodableBlockFormat
{
    /// <inheritdoc/>
    public static void Encode(ReadOnlySpan<float> values, ReadOnlySpan<float> importance, Span<byte> blocks)
    {
        for (; !blocks.IsEmpty; values = values[64..], blocks = blocks[18..])
        {
            ScaleSearch.LargestMagnitude(values[..64], out var d);
            var inverse = d > 0 ? 1 / d : 0;
            Packed.Half(blocks, 0, d);
            blocks[2..18].Clear();
            for (var j = 0; j < 64; j++)
            {
                var level = Math.Clamp(ScaleSearch.RoundAway(values[j] * inverse) + 1, 0, 3);
                blocks[2 + (j / 4)] |= (byte)(level << (j % 4 * 2));
            }
        }
    }
}
