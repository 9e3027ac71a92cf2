namespace Abi.Compute.Formats;

/// <summary>Ternary, 2 bits an element: <c>d × (q − 1)</c>.</summary>
/// <remarks>Bytes: 64 of elements (byte l of each half holds elements l, l + 32, l + 64, l + 96 from its low bits up), d (half).</remarks>
public readonly partial struct TQ2_0
{
    /// <inheritdoc/>
    public static TensorType Type => TensorType.TQ2_0;

    /// <inheritdoc/>
    public static int BlockLength => 256;

    /// <inheritdoc/>
    public static int BlockBytes => 66;

    /// <inheritdoc/>
    public static void Decode(ReadOnlySpan<byte> blocks, Span<float> values)
    {
        for (; !blocks.IsEmpty; blocks = blocks[66..], values = values[256..])
        {
            var d = Packed.Half(blocks, 64);
            for (var i = 0; i < 256; i++)
            {
                values[i] = (((blocks[(i / 128 * 32) + (i % 32)] >> (i / 32 % 4 * 2)) & 3) - 1) * d;
            }
        }
    }
}
