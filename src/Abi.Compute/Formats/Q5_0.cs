namespace Abi.Compute.Formats;

/// <summary>5 bits an element: <c>(q − 16) × d</c>.</summary>
/// <remarks>Bytes: d (half), 32 fifth bits (bit i belongs to element i), then 16 bytes of nibbles as in Q4_0.</remarks>
public readonly partial struct Q5_0
{
    /// <inheritdoc/>
    public static TensorType Type => TensorType.Q5_0;

    /// <inheritdoc/>
    public static int BlockLength => 32;

    /// <inheritdoc/>
    public static int BlockBytes => 22;

    /// <inheritdoc/>
    public static void Decode(ReadOnlySpan<byte> blocks, Span<float> values)
    {
        for (; !blocks.IsEmpty; blocks = blocks[22..], values = values[32..])
        {
            var (d, high) = (Packed.Half(blocks), Packed.UInt32(blocks, 2));
            for (var j = 0; j < 16; j++)
            {
                values[j] = (((blocks[6 + j] & 15) | (int)((high >> j) & 1) << 4) - 16) * d;
                values[j + 16] = (((blocks[6 + j] >> 4) | (int)((high >> (j + 16)) & 1) << 4) - 16) * d;
            }
        }
    }
}
