namespace Abi.Compute.Formats;

/// <summary>2 bits an element: <c>(q − 1) × d</c>, from −1 to 2.</summary>
/// <remarks>Bytes: d (half), then 16 bytes of four elements each, the first in the low bits.</remarks>
public readonly partial struct Q2_0
{
    /// <inheritdoc/>
    public static TensorType Type => TensorType.Q2_0;

    /// <inheritdoc/>
    public static int BlockLength => 64;

    /// <inheritdoc/>
    public static int BlockBytes => 18;

    /// <inheritdoc/>
    public static void Decode(ReadOnlySpan<byte> blocks, Span<float> values)
    {
        for (; !blocks.IsEmpty; blocks = blocks[18..], values = values[64..])
        {
            var d = Packed.Half(blocks);
            for (var j = 0; j < 64; j++)
            {
                values[j] = (((blocks[2 + (j / 4)] >> (j % 4 * 2)) & 3) - 1) * d;
            }
        }
    }
}
