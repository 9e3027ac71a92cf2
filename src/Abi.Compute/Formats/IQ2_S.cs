namespace Abi.Compute.Formats;

/// <summary>About 2.6 bits an element: points of a codebook of 1,024 with a sign bit each; a 4-bit scale for 16 elements.</summary>
/// <remarks>Bytes: d (half), 32 low bytes of points, 32 of signs, 8 of high point bits, 8 of scales.</remarks>
public readonly partial struct IQ2_S
{
    /// <inheritdoc/>
    public static TensorType Type => TensorType.IQ2_S;

    /// <inheritdoc/>
    public static int BlockLength => 256;

    /// <inheritdoc/>
    public static int BlockBytes => 82;

    /// <inheritdoc/>
    public static void Decode(ReadOnlySpan<byte> blocks, Span<float> values)
    {
        for (; !blocks.IsEmpty; blocks = blocks[82..], values = values[256..])
        {
            var d = Packed.Half(blocks);
            for (var l = 0; l < 32; l++)
            {
                var s = d * (0.5f + ((blocks[74 + (l / 4)] >> (l / 2 % 2 * 4)) & 15)) * 0.25f;
                var index = blocks[2 + l] | ((blocks[66 + (l / 4)] << (8 - (2 * (l % 4)))) & 0x300);
                var point = CodebookGrid.IQ2_S.AsSpan(index * 8, 8);
                for (var j = 0; j < 8; j++)
                {
                    values[(l * 8) + j] = s * point[j] * (((blocks[34 + l] >> j) & 1) != 0 ? -1f : 1f);
                }
            }
        }
    }
}
