using System.Buffers.Binary;

namespace Abi.Compute.Formats;

/// <content>The extreme value becomes −127.</content>
public readonly partial struct Q8_K : IEncodableBlockFormat
{
    /// <inheritdoc/>
    public static void Encode(ReadOnlySpan<float> values, ReadOnlySpan<float> importance, Span<byte> blocks)
    {
        for (; !blocks.IsEmpty; values = values[256..], blocks = blocks[BlockBytes..])
        {
            var block = blocks[..BlockBytes];
            block.Clear();
            var max = ScaleSearch.LargestMagnitude(values[..256], out var magnitude);
            if (magnitude == 0)
            {
                continue;
            }

            var inverse = -127f / max;
            BinaryPrimitives.WriteSingleLittleEndian(block, 1 / inverse);
            for (var group = 0; group < 16; group++)
            {
                var sum = 0;
                for (var j = group * 16; j < (group * 16) + 16; j++)
                {
                    var level = Math.Min(127, ScaleSearch.Nearest(inverse * values[j]));
                    block[4 + j] = (byte)level;
                    sum += level;
                }

                BinaryPrimitives.WriteInt16LittleEndian(block[(260 + (group * 2))..], (short)sum);
            }
        }
    }
}
