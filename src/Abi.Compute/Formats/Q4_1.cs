namespace Abi.Compute.Formats;

/// <summary>4 bits an element with a minimum: <c>q × d + m</c>.</summary>
/// <remarks>Bytes: d, m (halves), then 16 bytes as in Q4_0.</remarks>
public readonly partial struct Q4_1
{
    /// <inheritdoc/>
    public static TensorType Type => TensorType.Q4_1;

    /// <inheritdoc/>
    public static int BlockLength => 32;

    /// <inheritdoc/>
    public static int BlockBytes => 20;

    /// <inheritdoc/>
    public static void Decode(ReadOnlySpan<byte> blocks, Span<float> values)
    {
        for (; !blocks.IsEmpty; blocks = blocks[20..], values = values[32..])
        {
            var (d, m) = (Packed.Half(blocks), Packed.Half(blocks, 2));
            for (var j = 0; j < 16; j++)
            {
                values[j] = ((blocks[4 + j] & 15) * d) + m;
                values[j + 16] = ((blocks[4 + j] >> 4) * d) + m;
            }
        }
    }
}
