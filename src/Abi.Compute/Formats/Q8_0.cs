namespace Abi.Compute.Formats;

/// <summary>8 bits an element: <c>q × d</c>.</summary>
/// <remarks>Bytes: d (half), then 32 signed bytes.</remarks>
public readonly partial struct Q8_0
{
    /// <inheritdoc/>
    public static TensorType Type => TensorType.Q8_0;

    /// <inheritdoc/>
    public static int BlockLength => 32;

    /// <inheritdoc/>
    public static int BlockBytes => 34;

    /// <inheritdoc/>
    public static void Decode(ReadOnlySpan<byte> blocks, Span<float> values)
    {
        for (; !blocks.IsEmpty; blocks = blocks[34..], values = values[32..])
        {
            var d = Packed.Half(blocks);
            for (var j = 0; j < 32; j++)
            {
                values[j] = (sbyte)blocks[2 + j] * d;
            }
        }
    }
}
