namespace Abi.Compute.Formats;

/// <summary>4 bits an element; 8 sub-blocks of 32 with a 6-bit scale and minimum each: <c>d × s × q − dmin × m</c>.</summary>
/// <remarks>Bytes: d, dmin (halves), 12 of scales and minimums, 128 of nibbles: each run of 32 bytes holds two sub-blocks, the first in the low nibbles.</remarks>
public readonly partial struct Q4_K
{
    /// <inheritdoc/>
    public static TensorType Type => TensorType.Q4_K;

    /// <inheritdoc/>
    public static int BlockLength => 256;

    /// <inheritdoc/>
    public static int BlockBytes => 144;

    /// <inheritdoc/>
    public static void Decode(ReadOnlySpan<byte> blocks, Span<float> values)
    {
        for (; !blocks.IsEmpty; blocks = blocks[144..], values = values[256..])
        {
            var (d, dmin) = (Packed.Half(blocks), Packed.Half(blocks, 2));
            for (var group = 0; group < 8; group++)
            {
                var (scale, minimum) = Packed.ScaleAndMinimum(blocks[4..], group);
                var (s, m) = (d * scale, dmin * minimum);
                for (var l = 0; l < 32; l++)
                {
                    var q = (blocks[16 + (group / 2 * 32) + l] >> (group % 2 * 4)) & 15;
                    values[(group * 32) + l] = (s * q) - m;
                }
            }
        }
    }
}
