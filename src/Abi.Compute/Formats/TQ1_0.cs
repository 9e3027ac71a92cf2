namespace Abi.Compute.Formats;

/// <summary>Ternary, 1.69 bits an element: <c>d × (−1, 0 or 1)</c>.</summary>
/// <remarks>Bytes: 48 of five and 4 of four base-3 digits, stored as the fraction q × 256 / 243 so that the digits come out by multiplication; d (half).</remarks>
public readonly partial struct TQ1_0
{
    private static ReadOnlySpan<byte> Powers => [1, 3, 9, 27, 81];

    /// <inheritdoc/>
    public static TensorType Type => TensorType.TQ1_0;

    /// <inheritdoc/>
    public static int BlockLength => 256;

    /// <inheritdoc/>
    public static int BlockBytes => 54;

    /// <inheritdoc/>
    public static void Decode(ReadOnlySpan<byte> blocks, Span<float> values)
    {
        for (; !blocks.IsEmpty; blocks = blocks[54..], values = values[256..])
        {
            var d = Packed.Half(blocks, 52);
            for (var i = 0; i < 256; i++)
            {
                // 32 bytes give elements 0 to 159, 16 bytes 160 to 239, 4 bytes 240 to 255, each digit by digit.
                var (at, digit) = i < 160 ? (i % 32, i / 32) : i < 240 ? (32 + ((i - 160) % 16), (i - 160) / 16) : (48 + ((i - 240) % 4), (i - 240) / 4);
                var fraction = (byte)(blocks[at] * Powers[digit]);
                values[i] = (((fraction * 3) >> 8) - 1) * d;
            }
        }
    }
}
