namespace Abi.Compute.Formats;

/// <content>Each sub-block searches its scale; the scales are then rounded to 8 bits, and the elements fitted to them.</content>
public readonly partial struct Q6_K : IEncodableBlockFormat
{
    /// <inheritdoc/>
    public static void Encode(ReadOnlySpan<float> values, ReadOnlySpan<float> importance, Span<byte> blocks)
    {
        Span<byte> levels = stackalloc byte[256];
        Span<float> scales = stackalloc float[16];
        for (; !blocks.IsEmpty; values = values[256..], blocks = blocks[BlockBytes..])
        {
            for (var group = 0; group < 16; group++)
            {
                var weights = importance.IsEmpty ? default : importance.Slice(group * 16, 16);
                scales[group] = ScaleSearch.Symmetric(32, values.Slice(group * 16, 16), weights, levels.Slice(group * 16, 16));
            }

            importance = importance.IsEmpty ? default : importance[256..];
            var block = blocks[..BlockBytes];
            block.Clear();
            var largest = ScaleSearch.LargestMagnitude(scales, out var magnitude);
            if (magnitude < ScaleSearch.Epsilon)
            {
                continue;
            }

            var inverse = -128f / largest;
            Packed.Half(block, 208, 1 / inverse);
            var d = Packed.Half(block, 208);
            for (var group = 0; group < 16; group++)
            {
                var scale = (sbyte)Math.Min(127, ScaleSearch.Nearest(inverse * scales[group]));
                block[192 + group] = (byte)scale;
                ScaleSearch.FitSymmetric(32, values.Slice(group * 16, 16), d * scale, levels[(group * 16)..]);
            }

            for (var i = 0; i < 256; i++)
            {
                var (half, within) = (i / 128, i % 128);
                block[(half * 64) + (within % 64)] |= (byte)((levels[i] & 15) << (within / 64 * 4));
                block[128 + (half * 32) + (within % 32)] |= (byte)((levels[i] >> 4) << (within / 32 * 2));
            }
        }
    }
}
