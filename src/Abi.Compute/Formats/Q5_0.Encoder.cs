namespace Abi.Compute.Formats;

/// <content>The extreme value becomes −16 exactly; with importance weights, a search for the scale.</content>
public readonly partial struct Q5_0 : IEncodableBlockFormat
{
    /// <inheritdoc/>
    public static void Encode(ReadOnlySpan<float> values, ReadOnlySpan<float> importance, Span<byte> blocks)
    {
        Span<byte> levels = stackalloc byte[32];
        var sigma2 = importance.IsEmpty ? 0 : ScaleSearch.MeanSquare(values);
        for (var at = 0; !blocks.IsEmpty; at += 32, blocks = blocks[BlockBytes..])
        {
            Packed.Half(blocks, 0, BlockFit.Symmetric(16, values.Slice(at, 32), importance.IsEmpty ? default : importance[at..], sigma2, levels));
            Packed.UInt32(blocks, 2, Packed.FifthBits(levels));
            Packed.Nibbles(levels, blocks[6..]);
        }
    }
}
