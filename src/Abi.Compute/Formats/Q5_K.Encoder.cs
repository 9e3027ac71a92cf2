namespace Abi.Compute.Formats;

/// <content>Each sub-block searches scale and minimum; the scales and minimums are then rounded to 6 bits, and the elements fitted to them.</content>
public readonly partial struct Q5_K : IEncodableBlockFormat
{
    /// <inheritdoc/>
    public static void Encode(ReadOnlySpan<float> values, ReadOnlySpan<float> importance, Span<byte> blocks)
    {
        Span<byte> levels = stackalloc byte[256];
        for (var at = 0; !blocks.IsEmpty; at += 256, blocks = blocks[BlockBytes..])
        {
            var block = blocks[..BlockBytes];
            BlockFit.SubBlocksWithMinimums(31, values.Slice(at, 256), importance.IsEmpty ? default : importance[at..], -0.5f, 15, block, levels);
            block[16..48].Clear();
            for (var j = 0; j < 128; j++)
            {
                // Byte l of each 32 holds element l of one sub-block in its low and of the next in its high nibble; their fifth bits share byte l.
                var (pair, l) = (j / 32, j % 32);
                var (a, b) = (levels[(pair * 64) + l], levels[(pair * 64) + l + 32]);
                block[48 + j] = (byte)((a & 15) | (b << 4));
                block[16 + l] |= (byte)(((a >> 4) << (2 * pair)) | ((b >> 4) << ((2 * pair) + 1)));
            }
        }
    }
}
