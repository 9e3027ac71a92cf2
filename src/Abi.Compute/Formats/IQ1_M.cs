namespace Abi.Compute.Formats;

/// <summary>About 1.75 bits an element: as <see cref="IQ1_S"/> with a shift for each point and a 3-bit scale for 16 elements.</summary>
/// <remarks>Bytes: 32 low bytes of points, 16 of high point bits (3) and shift signs (1), 4 words of scales (4 × 3 bits) whose high nibbles together are d (half).</remarks>
public readonly partial struct IQ1_M
{
    /// <inheritdoc/>
    public static TensorType Type => TensorType.IQ1_M;

    /// <inheritdoc/>
    public static int BlockLength => 256;

    /// <inheritdoc/>
    public static int BlockBytes => 56;

    /// <inheritdoc/>
    public static void Decode(ReadOnlySpan<byte> blocks, Span<float> values)
    {
        for (; !blocks.IsEmpty; blocks = blocks[56..], values = values[256..])
        {
            var d = (float)BitConverter.UInt16BitsToHalf((ushort)((Packed.UInt16(blocks, 48) >> 12) | ((Packed.UInt16(blocks, 50) >> 8) & 0xf0) | ((Packed.UInt16(blocks, 52) >> 4) & 0xf00) | (Packed.UInt16(blocks, 54) & 0xf000)));
            for (var l = 0; l < 32; l++)
            {
                var scales = Packed.UInt16(blocks, 48 + (l / 8 * 2));
                var s = d * ((2 * ((scales >> (l / 2 % 4 * 3)) & 7)) + 1);
                var high = (blocks[32 + (l / 2)] >> (l % 2 * 4)) & 15;
                var delta = (high & 8) != 0 ? -0.125f : 0.125f;
                var point = CodebookGrid.IQ1.AsSpan((blocks[l] | ((high & 7) << 8)) * 8, 8);
                for (var j = 0; j < 8; j++)
                {
                    values[(l * 8) + j] = s * (point[j] + delta);
                }
            }
        }
    }
}
