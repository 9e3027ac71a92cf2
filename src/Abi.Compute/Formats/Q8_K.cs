using System.Buffers.Binary;

namespace Abi.Compute.Formats;

/// <summary>8 bits an element in blocks of 256, for activations: <c>q × d</c>.</summary>
/// <remarks>Bytes: d (single), 256 signed bytes, then 16 sums of 16 elements (16 bits).</remarks>
public readonly partial struct Q8_K
{
    /// <inheritdoc/>
    public static TensorType Type => TensorType.Q8_K;

    /// <inheritdoc/>
    public static int BlockLength => 256;

    /// <inheritdoc/>
    public static int BlockBytes => 292;

    /// <inheritdoc/>
    public static void Decode(ReadOnlySpan<byte> blocks, Span<float> values)
    {
        for (; !blocks.IsEmpty; blocks = blocks[292..], values = values[256..])
        {
            var d = BinaryPrimitives.ReadSingleLittleEndian(blocks);
            for (var j = 0; j < 256; j++)
            {
                values[j] = d * (sbyte)blocks[4 + j];
            }
        }
    }
}
