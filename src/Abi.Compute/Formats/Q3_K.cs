namespace Abi.Compute.Formats;

/// <summary>3 bits an element; 16 sub-blocks of 16 with a 6-bit scale each: <c>d × (s − 32) × q</c>, q from −4 to 3.</summary>
/// <remarks>Bytes: 32 of high bits (clear means −4), 64 of low bit pairs as in Q2_K, 12 of scales, d (half).</remarks>
public readonly partial struct Q3_K
{
    /// <inheritdoc/>
    public static TensorType Type => TensorType.Q3_K;

    /// <inheritdoc/>
    public static int BlockLength => 256;

    /// <inheritdoc/>
    public static int BlockBytes => 110;

    /// <inheritdoc/>
    public static void Decode(ReadOnlySpan<byte> blocks, Span<float> values)
    {
        for (; !blocks.IsEmpty; blocks = blocks[110..], values = values[256..])
        {
            var d = Packed.Half(blocks, 108);
            for (var i = 0; i < 256; i++)
            {
                var group = i / 16;
                var low = (blocks[96 + (group % 8)] >> (group / 8 * 4)) & 15;
                var scale = (low | (((blocks[104 + (group % 4)] >> (group / 4 * 2)) & 3) << 4)) - 32;
                var q = ((blocks[32 + (i / 128 * 32) + (i % 32)] >> (i / 32 % 4 * 2)) & 3) - (((blocks[i % 32] >> (i / 32)) & 1) != 0 ? 0 : 4);
                values[i] = d * scale * q;
            }
        }
    }
}
