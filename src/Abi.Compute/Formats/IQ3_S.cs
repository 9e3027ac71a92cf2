namespace Abi.Compute.Formats;

/// <summary>About 3.4 bits an element: points of 4 from a codebook of 512 with a sign bit each; a 4-bit scale for 32 elements: <c>d × (1 + 2 s)</c>.</summary>
/// <remarks>Bytes: d (half), 64 low bytes of points, 8 of high point bits, 32 of signs, 4 of scales.</remarks>
public readonly partial struct IQ3_S
{
    /// <inheritdoc/>
    public static TensorType Type => TensorType.IQ3_S;

    /// <inheritdoc/>
    public static int BlockLength => 256;

    /// <inheritdoc/>
    public static int BlockBytes => 110;

    /// <inheritdoc/>
    public static void Decode(ReadOnlySpan<byte> blocks, Span<float> values)
    {
        for (; !blocks.IsEmpty; blocks = blocks[110..], values = values[256..])
        {
            var d = Packed.Half(blocks);
            for (var l = 0; l < 32; l++)
            {
                var group = l / 4;
                var s = d * (1 + (2 * ((blocks[106 + (group / 2)] >> (group % 2 * 4)) & 15)));
                for (var j = 0; j < 8; j++)
                {
                    var low = (2 * l) + (j / 4);
                    var index = blocks[2 + low] | (((blocks[66 + group] >> (low % 8)) & 1) << 8);
                    values[(l * 8) + j] = s * CodebookGrid.IQ3_S[(index * 4) + (j % 4)] * (((blocks[74 + l] >> j) & 1) != 0 ? -1f : 1f);
                }
            }
        }
    }
}
