using System.Buffers.Binary;

namespace Abi.Compute.Formats;

/// <content>As <see cref="IQ1_S"/> with a shift for each 8; the scales are rounded to 3 bits, and the block’s scale is then fitted to all of them.</content>
public readonly partial struct IQ1_M : IEncodableBlockFormat
{
    /// <inheritdoc/>
    public static void Encode(ReadOnlySpan<float> values, ReadOnlySpan<float> importance, Span<byte> blocks)
    {
        Span<float> weights = stackalloc float[16];
        Span<byte> levels = stackalloc byte[256];
        Span<float> scales = stackalloc float[16];
        Span<byte> shifts = stackalloc byte[16];
        for (; !blocks.IsEmpty; values = values[256..], blocks = blocks[BlockBytes..])
        {
            var block = blocks[..BlockBytes];
            block.Clear();
            scales.Clear();
            shifts.Clear();
            var sigma2 = importance.IsEmpty ? 0 : 2 * ScaleSearch.MeanSquare(values[..256]);
            for (var group = 0; group < 16; group++)
            {
                var x = values.Slice(group * 16, 16);
                var l = levels.Slice(group * 16, 16);
                ScaleSearch.WeightsOrSquares(x, importance.IsEmpty ? default : importance[(group * 16)..], sigma2, weights);
                if (TernarySplit.Magnitude(x) < 1e-7f || Fit(x, weights, l, out shifts[group]) is not { } scale)
                {
                    // Nothing is stored for such a group, so it decodes as point 0, whose levels are all 0.
                    l.Clear();
                    shifts[group] = 0;
                    continue;
                }

                scales[group] = scale;
                var (first, second) = (CodebookSearch.IQ1.PointOf(l[..8]), CodebookSearch.IQ1.PointOf(l[8..]));
                block[2 * group] = (byte)first;
                block[(2 * group) + 1] = (byte)second;
                block[32 + group] = (byte)((first >> 8) | ((second >> 8) << 4));
            }

            var d = CodebookSearch.Largest(scales) / 15;
            if (d != 0)
            {
                WriteScales(values, importance, sigma2, levels, scales, shifts, d, block);
            }

            importance = importance.IsEmpty ? default : importance[256..];
        }
    }

    private static void WriteScales(
        ReadOnlySpan<float> values, ReadOnlySpan<float> importance, float sigma2, ReadOnlySpan<byte> levels, ReadOnlySpan<float> scales, ReadOnlySpan<byte> shifts, float d, Span<byte> block)
    {
        Span<float> weights = stackalloc float[16];
        Span<int> words = stackalloc int[4];
        words.Clear();
        var inverse = 1 / d;
        var (sumX, sumL) = (0f, 0f);
        for (var group = 0; group < 16; group++)
        {
            var x = values.Slice(group * 16, 16);
            var level = CodebookSearch.ScaleLevel(scales[group], inverse, 7);
            words[group / 4] |= level << (3 * (group % 4));
            block[32 + group] |= (byte)(((shifts[group] & 1) << 7) | ((shifts[group] >> 1) << 3));
            ScaleSearch.WeightsOrSquares(x, importance.IsEmpty ? default : importance[(group * 16)..], sigma2, weights);
            for (var k = 0; k < 2; k++)
            {
                var point = levels.Slice((group * 16) + (8 * k), 8);
                TernarySplit.Add(x[(8 * k)..], weights[(8 * k)..], point, Meanings(shifts[group], k), (2 * level) + 1, ref sumX, ref sumL);
            }
        }

        // The factor makes up for what rounding the scales loses.
        var bits = BitConverter.HalfToUInt16Bits((Half)((sumL > 0 ? sumX / sumL : d) * 1.1125f));
        for (var word = 0; word < 4; word++)
        {
            BinaryPrimitives.WriteUInt16LittleEndian(block[(48 + (2 * word))..], (ushort)(words[word] | (((bits >> (4 * word)) & 15) << 12)));
        }
    }

    /// <summary>What the levels stand for in a half of a group: bit 1 of the shifts is the first half's, set for down, bit 0 the second's.</summary>
    private static ReadOnlySpan<float> Meanings(int shifts, int half) => ((shifts >> (1 - half)) & 1) != 0 ? TernarySplit.Down : TernarySplit.Up;

    /// <summary>The scale, the shifts and the points of a group of 16 values, or null when no split has a positive error sum.</summary>
    private static float? Fit(ReadOnlySpan<float> x, ReadOnlySpan<float> weights, Span<byte> levels, out byte shifts)
    {
        Span<byte> order = stackalloc byte[16];
        Span<float> sumX = stackalloc float[34];
        Span<float> sumW = stackalloc float[34];
        Span<float> qx = stackalloc float[4];
        Span<float> qq = stackalloc float[4];
        sumX.Clear();
        sumW.Clear();
        TernarySplit.Sort(x, order);
        for (var j = 0; j < 16; j++)
        {
            // Sums up to the j-th smallest, for either half: [2, 17].
            var (i, half, other) = (order[j], order[j] < 8 ? 0 : 17, order[j] < 8 ? 17 : 0);
            sumX[half + j + 1] = sumX[half + j] + (weights[i] * x[i]);
            sumW[half + j + 1] = sumW[half + j] + weights[i];
            sumX[other + j + 1] = sumX[other + j];
            sumW[other + j + 1] = sumW[other + j];
        }

        var (best, scale, first, second, shift) = (float.MinValue, 0f, -1, -1, 0);
        var up = TernarySplit.Up;
        var down = TernarySplit.Down;
        for (var i = 0; i <= 16; i++)
        {
            for (var j = i; j <= 16; j++)
            {
                // Neighbouring levels are one apart, so the sum over three groups is the whole times the last level less the sums up to either border.
                for (var half = 0; half < 2; half++)
                {
                    var sx = sumX.Slice(half * 17, 17);
                    var sw = sumW.Slice(half * 17, 17);
                    var borders = sx[i] + sx[j];
                    qx[2 * half] = (sx[16] * up[2]) - borders;
                    qx[(2 * half) + 1] = (sx[16] * down[2]) - borders;
                    qq[2 * half] = (sw[16] * up[2] * up[2]) + (sw[i] * ((up[0] * up[0]) - (up[1] * up[1]))) + (sw[j] * ((up[1] * up[1]) - (up[2] * up[2])));
                    qq[(2 * half) + 1] = (sw[16] * down[2] * down[2]) + (sw[i] * ((down[0] * down[0]) - (down[1] * down[1]))) + (sw[j] * ((down[1] * down[1]) - (down[2] * down[2])));
                }

                for (var k = 0; k < 4; k++)
                {
                    var (sx, sq) = (qx[k >> 1] + qx[2 + (k & 1)], qq[k >> 1] + qq[2 + (k & 1)]);
                    if (sq > 0 && sx * sx > best * sq)
                    {
                        scale = sx / sq;
                        (best, first, second, shift) = (scale * sx, i, j, k);
                    }
                }
            }
        }

        shifts = (byte)(scale < 0 ? 3 - shift : shift);
        if (first < 0)
        {
            return null;
        }

        TernarySplit.Apply(order, first, second, scale < 0, levels);
        scale = MathF.Abs(scale);
        var isOnGrid = true;
        for (var half = 0; half < 2; half++)
        {
            isOnGrid &= CodebookSearch.IQ1.Snap(x[(8 * half)..], weights[(8 * half)..], scale, Meanings(shifts, half), levels.Slice(8 * half, 8));
        }

        if (!isOnGrid)
        {
            var (sx, sq) = (0f, 0f);
            for (var half = 0; half < 2; half++)
            {
                TernarySplit.Add(x[(8 * half)..], weights[(8 * half)..], levels.Slice(8 * half, 8), Meanings(shifts, half), 1, ref sx, ref sq);
            }

            scale = sx > 0 && sq > 0 ? sx / sq : scale;
        }

        return scale;
    }
}
