namespace Abi.Compute.Formats;

/// <summary>4 bits an element through the table of <see cref="IQ4_NL"/>; 8 sub-blocks of 32 with a 6-bit scale each: <c>d × (s − 32) × v[q]</c>.</summary>
/// <remarks>Bytes: d (half), 16 bits of high scale bits, 4 bytes of low scale nibbles, 128 of nibbles.</remarks>
public readonly partial struct IQ4_XS
{
    /// <inheritdoc/>
    public static TensorType Type => TensorType.IQ4_XS;

    /// <inheritdoc/>
    public static int BlockLength => 256;

    /// <inheritdoc/>
    public static int BlockBytes => 136;

    /// <inheritdoc/>
    public static void Decode(ReadOnlySpan<byte> blocks, Span<float> values)
    {
        for (; !blocks.IsEmpty; blocks = blocks[136..], values = values[256..])
        {
            var (d, high) = (Packed.Half(blocks), Packed.UInt16(blocks, 2));
            for (var group = 0; group < 8; group++)
            {
                var scale = ((blocks[4 + (group / 2)] >> (group % 2 * 4)) & 15) | (((high >> (2 * group)) & 3) << 4);
                var s = d * (scale - 32);
                for (var j = 0; j < 16; j++)
                {
                    var q = blocks[8 + (group * 16) + j];
                    values[(group * 32) + j] = s * IQ4_NL.Values[q & 15];
                    values[(group * 32) + j + 16] = s * IQ4_NL.Values[q >> 4];
                }
            }
        }
    }
}
