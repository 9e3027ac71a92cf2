namespace Abi.Compute.Formats;

/// <summary>4 bits an element through a table: <c>d × v[q]</c>.</summary>
/// <remarks>Bytes: d (half), then 16 bytes of nibbles as in Q4_0.</remarks>
public readonly partial struct IQ4_NL
{
    /// <summary>What the 16 codes stand for.</summary>
    public static ReadOnlySpan<sbyte> Values => [-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113];

    /// <inheritdoc/>
    public static TensorType Type => TensorType.IQ4_NL;

    /// <inheritdoc/>
    public static int BlockLength => 32;

    /// <inheritdoc/>
    public static int BlockBytes => 18;

    /// <inheritdoc/>
    public static void Decode(ReadOnlySpan<byte> blocks, Span<float> values)
    {
        for (; !blocks.IsEmpty; blocks = blocks[18..], values = values[32..])
        {
            var d = Packed.Half(blocks);
            for (var j = 0; j < 16; j++)
            {
                values[j] = d * Values[blocks[2 + j] & 15];
                values[j + 16] = d * Values[blocks[2 + j] >> 4];
            }
        }
    }
}
