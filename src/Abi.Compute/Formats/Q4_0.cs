namespace Abi.Compute.Formats;

/// <summary>4 bits an element: <c>(q − 8) × d</c>.</summary>
/// <remarks>Bytes: d (half), then 16 bytes; byte j holds element j in its low and element j + 16 in its high nibble.</remarks>
public readonly partial struct Q4_0
{
    /// <inheritdoc/>
    public static TensorType Type => TensorType.Q4_0;

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
                values[j] = ((blocks[2 + j] & 15) - 8) * d;
                values[j + 16] = ((blocks[2 + j] >> 4) - 8) * d;
            }
        }
    }
}
