namespace Abi.Compute.Formats;

/// <summary>About 1.6 bits an element: points of 8 from a ternary codebook of 2,048, shifted by ±1/8; a 3-bit scale for 32 elements: <c>d × (2 s + 1)</c>.</summary>
/// <remarks>Bytes: d (half), 32 low bytes of points, 8 words of high point bits (3 × 4), scale (3) and the shift’s sign (1).</remarks>
public readonly partial struct IQ1_S
{
    /// <inheritdoc/>
    public static TensorType Type => TensorType.IQ1_S;

    /// <inheritdoc/>
    public static int BlockLength => 256;

    /// <inheritdoc/>
    public static int BlockBytes => 50;

    /// <inheritdoc/>
    public static void Decode(ReadOnlySpan<byte> blocks, Span<float> values)
    {
        for (; !blocks.IsEmpty; blocks = blocks[50..], values = values[256..])
        {
            var d = Packed.Half(blocks);
            for (var l = 0; l < 32; l++)
            {
                var high = Packed.UInt16(blocks, 34 + (l / 4 * 2));
                var s = d * ((2 * ((high >> 12) & 7)) + 1);
                var delta = (high & 0x8000) != 0 ? -0.125f : 0.125f;
                var point = CodebookGrid.IQ1.AsSpan((blocks[2 + l] | (((high >> (3 * (l % 4))) & 7) << 8)) * 8, 8);
                for (var j = 0; j < 8; j++)
                {
                    values[(l * 8) + j] = s * (point[j] + delta);
                }
            }
        }
    }
}
