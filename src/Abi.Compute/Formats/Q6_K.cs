namespace Abi.Compute.Formats;

/// <summary>6 bits an element; 16 sub-blocks of 16 with an 8-bit scale each: <c>d × s × (q − 32)</c>.</summary>
/// <remarks>Bytes: 128 of low nibbles, 64 of high bit pairs, 16 signed scales, d (half); in each half of the block, low byte l holds elements l and l + 64, high byte l elements l, l + 32, l + 64, l + 96.</remarks>
public readonly partial struct Q6_K
{
    /// <inheritdoc/>
    public static TensorType Type => TensorType.Q6_K;

    /// <inheritdoc/>
    public static int BlockLength => 256;

    /// <inheritdoc/>
    public static int BlockBytes => 210;

    /// <inheritdoc/>
    public static void Decode(ReadOnlySpan<byte> blocks, Span<float> values)
    {
        for (; !blocks.IsEmpty; blocks = blocks[210..], values = values[256..])
        {
            var d = Packed.Half(blocks, 208);
            for (var i = 0; i < 256; i++)
            {
                var (half, within) = (i / 128, i % 128);
                var low = (blocks[(half * 64) + (within % 64)] >> (within / 64 * 4)) & 15;
                var high = (blocks[128 + (half * 32) + (within % 32)] >> (within / 32 * 2)) & 3;
                values[i] = d * (sbyte)blocks[192 + (i / 16)] * ((low | (high << 4)) - 32);
            }
        }
    }
}
