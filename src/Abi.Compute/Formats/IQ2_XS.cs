namespace Abi.Compute.Formats;

/// <summary>About 2.3 bits an element: points of a codebook of 512 with signs; a 4-bit scale for 16 elements.</summary>
/// <remarks>Bytes: d (half), 32 words of 9 bits of point and 7 of signs, 8 bytes of scales.</remarks>
public readonly partial struct IQ2_XS
{
    /// <inheritdoc/>
    public static TensorType Type => TensorType.IQ2_XS;

    /// <inheritdoc/>
    public static int BlockLength => 256;

    /// <inheritdoc/>
    public static int BlockBytes => 74;

    /// <inheritdoc/>
    public static void Decode(ReadOnlySpan<byte> blocks, Span<float> values)
    {
        for (; !blocks.IsEmpty; blocks = blocks[74..], values = values[256..])
        {
            var d = Packed.Half(blocks);
            for (var l = 0; l < 32; l++)
            {
                var packed = Packed.UInt16(blocks, 2 + (2 * l));
                var s = d * (0.5f + ((blocks[66 + (l / 4)] >> (l / 2 % 2 * 4)) & 15)) * 0.25f;
                var signs = CodebookGrid.Signs(packed >> 9);
                var point = CodebookGrid.IQ2_XS.AsSpan((packed & 511) * 8, 8);
                for (var j = 0; j < 8; j++)
                {
                    values[(l * 8) + j] = s * point[j] * (((signs >> j) & 1) != 0 ? -1f : 1f);
                }
            }
        }
    }
}
