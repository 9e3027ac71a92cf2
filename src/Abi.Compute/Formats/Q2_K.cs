namespace Abi.Compute.Formats;

/// <summary>2 bits an element; 16 sub-blocks of 16 with a 4-bit scale and minimum each: <c>d × s × q − dmin × m</c>.</summary>
/// <remarks>Bytes: 16 of scales (low nibble) and minimums (high), 64 of elements (byte l of each half holds elements l, l + 32, l + 64, l + 96 from its low bits up), d, dmin (halves).</remarks>
public readonly partial struct Q2_K
{
    /// <inheritdoc/>
    public static TensorType Type => TensorType.Q2_K;

    /// <inheritdoc/>
    public static int BlockLength => 256;

    /// <inheritdoc/>
    public static int BlockBytes => 84;

    /// <inheritdoc/>
    public static void Decode(ReadOnlySpan<byte> blocks, Span<float> values)
    {
        for (; !blocks.IsEmpty; blocks = blocks[84..], values = values[256..])
        {
            var (d, dmin) = (Packed.Half(blocks, 80), Packed.Half(blocks, 82));
            for (var i = 0; i < 256; i++)
            {
                var scale = blocks[i / 16];
                var q = (blocks[16 + (i / 128 * 32) + (i % 32)] >> (i / 32 % 4 * 2)) & 3;
                values[i] = (d * (scale & 15) * q) - (dmin * (scale >> 4));
            }
        }
    }
}
