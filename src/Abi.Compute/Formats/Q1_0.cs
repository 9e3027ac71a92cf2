namespace Abi.Compute.Formats;

/// <summary>A sign an element: <c>±d</c>.</summary>
/// <remarks>Bytes: d (half), then 128 bits, set for +d.</remarks>
public readonly partial struct Q1_0
{
    /// <inheritdoc/>
    public static TensorType Type => TensorType.Q1_0;

    /// <inheritdoc/>
    public static int BlockLength => 128;

    /// <inheritdoc/>
    public static int BlockBytes => 18;

    /// <inheritdoc/>
    public static void Decode(ReadOnlySpan<byte> blocks, Span<float> values)
    {
        for (; !blocks.IsEmpty; blocks = blocks[18..], values = values[128..])
        {
            var d = Packed.Half(blocks);
            for (var j = 0; j < 128; j++)
            {
                values[j] = ((blocks[2 + (j / 8)] >> (j % 8)) & 1) != 0 ? d : -d;
            }
        }
    }
}
