namespace Abi.Compute.Formats;

/// <summary>About 3 bits an element: points of 4 from a codebook of 256 with signs; a 4-bit scale for 32 elements.</summary>
/// <remarks>Bytes: d (half), 64 point indices, then for each 32 elements four 7-bit sign indices and the scale.</remarks>
public readonly partial struct IQ3_XXS
{
    /// <inheritdoc/>
    public static TensorType Type => TensorType.IQ3_XXS;

    /// <inheritdoc/>
    public static int BlockLength => 256;

    /// <inheritdoc/>
    public static int BlockBytes => 98;

    /// <inheritdoc/>
    public static void Decode(ReadOnlySpan<byte> blocks, Span<float> values)
    {
        for (; !blocks.IsEmpty; blocks = blocks[98..], values = values[256..])
        {
            var d = Packed.Half(blocks);
            for (var l = 0; l < 32; l++)
            {
                var packed = Packed.UInt32(blocks, 66 + (l / 4 * 4));
                var s = d * (0.5f + (packed >> 28)) * 0.5f;
                var signs = CodebookGrid.Signs((int)(packed >> (7 * (l % 4))) & 127);
                for (var j = 0; j < 8; j++)
                {
                    var point = CodebookGrid.IQ3_XXS[(blocks[2 + (2 * l) + (j / 4)] * 4) + (j % 4)];
                    values[(l * 8) + j] = s * point * (((signs >> j) & 1) != 0 ? -1f : 1f);
                }
            }
        }
    }
}
