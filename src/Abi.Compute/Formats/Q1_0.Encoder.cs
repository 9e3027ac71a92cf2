namespace Abi.Compute.Formats;

/// <content>The scale is the mean magnitude; zero counts as positive. Importance weights change nothing.</content>
public readonly partial struct Q1_0 : IEncodableBlockFormat
{
    /// <inheritdoc/>
    public static void Encode(ReadOnlySpan<float> values, ReadOnlySpan<float> importance, Span<byte> blocks)
    {
        for (; !blocks.IsEmpty; values = values[128..], blocks = blocks[18..])
        {
            var sum = 0f;
            blocks[2..18].Clear();
            for (var j = 0; j < 128; j++)
            {
                sum += MathF.Abs(values[j]);
                blocks[2 + (j / 8)] |= (byte)((values[j] >= 0 ? 1 : 0) << (j % 8));
            }

            Packed.Half(blocks, 0, sum / 128);
        }
    }
}
