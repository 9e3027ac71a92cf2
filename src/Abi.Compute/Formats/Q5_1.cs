namespace Abi.Compute.Formats;

/// <summary>5 bits an element with a minimum: <c>q × d + m</c>.</summary>
/// <remarks>Bytes: d, m (halves), 32 fifth bits, then 16 bytes of nibbles as in Q4_0.</remarks>
public readonly partial struct Q5_1
{
    /// <inheritdoc/>
    public static TensorType Type => TensorType.Q5_1;

    /// <inheritdoc/>
    public static int BlockLength => 32;

    /// <inheritdoc/>
    public static int BlockBytes => 24;

    /// <inheritdoc/>
    public static void Decode(ReadOnlySpan<byte> blocks, Span<float> values)
    {
        for (; !blocks.IsEmpty; blocks = blocks[24..], values = values[32..])
        {
            var (d, m, high) = (Packed.Half(blocks), Packed.Half(blocks, 2), Packed.UInt32(blocks, 4));
            for (var j = 0; j < 16; j++)
            {
                values[j] = (((blocks[8 + j] & 15) | (int)((high >> j) & 1) << 4) * d) + m;
                values[j + 16] = (((blocks[8 + j] >> 4) | (int)((high >> (j + 16)) & 1) << 4) * d) + m;
            }
        }
    }
}
