namespace Abi.Compute.Formats;

/// <content>Each sub-block searches scale and minimum; the scales and minimums are then rounded to 6 bits, and the elements fitted to them.</content>
public readonly partial struct Q4_K : IEncodableBlockFormat
{
    /// <inheritdoc/>
    public static void Encode(ReadOnlySpan<float> values, ReadOnlySpan<float> importance, Span<byte> blocks)
    {
        Span<byte> levels = stackalloc byte[256];
        for (var at = 0; !blocks.IsEmpty; at += 256, blocks = blocks[BlockBytes..])
        {
            var block = blocks[..BlockBytes];
            BlockFit.SubBlocksWithMinimums(15, values.Slice(at, 256), importance.IsEmpty ? default : importance[at..], -1f, 20, block, levels);
            for (var j = 0; j < 128; j++)
            {
                // Byte l of each 32 holds element l of one sub-block in its low and of the next in its high nibble.
                var low = (j / 32 * 64) + (j % 32);
                block[16 + j] = (byte)(levels[low] | (levels[low + 32] << 4));
            }
        }
    }
}
