namespace Abi.Compute.Formats;

/// <content>The range is divided evenly; with importance weights, a search for scale and minimum.</content>
public readonly partial struct Q4_1 : IEncodableBlockFormat
{
    /// <inheritdoc/>
    public static void Encode(ReadOnlySpan<float> values, ReadOnlySpan<float> importance, Span<byte> blocks)
    {
        Span<byte> levels = stackalloc byte[32];
        var sigma2 = importance.IsEmpty ? 0 : ScaleSearch.MeanSquare(values);
        for (var at = 0; !blocks.IsEmpty; at += 32, blocks = blocks[BlockBytes..])
        {
            var (scale, minimum) = BlockFit.Range(15, values.Slice(at, 32), importance.IsEmpty ? default : importance[at..], sigma2, levels);
            Packed.Half(blocks, 0, scale);
            Packed.Half(blocks, 2, minimum);
            Packed.Nibbles(levels, blocks[4..]);
        }
    }
}
