namespace Abi.Compute.Formats;

/// <summary>About 2 bits an element: points of a codebook of 256 with signs; a 4-bit scale for 32 elements.</summary>
/// <remarks>Bytes: d (half), then 8 bytes for each 32 elements: four point indices, then four 7-bit sign indices and the scale.</remarks>
public readonly partial struct IQ2_XXS
{
    /// <inheritdoc/>
    public static TensorType Type => TensorType.IQ2_XXS;

    /// <inheritdoc/>
    public static int BlockLength => 256;

    /// <inheritdoc/>
    public static int BlockBytes => 66;

    /// <inheritdoc/>
    public static void Decode(ReadOnlySpan<byte> blocks, Span<float> values)
    {
        for (; !blocks.IsEmpty; blocks = blocks[66..], values = values[256..])
        {
            var d = Packed.Half(blocks);
            for (var group = 0; group < 8; group++)
            {
                var packed = Packed.UInt32(blocks, 2 + (group * 8) + 4);
                var s = d * (0.5f + (packed >> 28)) * 0.25f;
                for (var l = 0; l < 4; l++)
                {
                    var signs = CodebookGrid.Signs((int)(packed >> (7 * l)) & 127);
                    var point = CodebookGrid.IQ2_XXS.AsSpan(blocks[2 + (group * 8) + l] * 8, 8);
                    for (var j = 0; j < 8; j++)
                    {
                        values[(group * 32) + (l * 8) + j] = s * point[j] * (((signs >> j) & 1) != 0 ? -1f : 1f);
                    }
                }
            }
        }
    }
}
