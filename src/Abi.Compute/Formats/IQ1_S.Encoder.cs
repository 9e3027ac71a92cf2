using System.Buffers.Binary;

namespace Abi.Compute.Formats;

/// <content>Every split of the sorted values into three levels is tried with either shift, then each group of 8 moves to a near point of the codebook; the scales are rounded to 3 bits.</content>
public readonly partial struct IQ1_S : IEncodableBlockFormat
{
    /// <inheritdoc/>
    public static bool NeedsImportance => true;

    /// <inheritdoc/>
    public static void Encode(ReadOnlySpan<float> values, ReadOnlySpan<float> importance, Span<byte> blocks)
    {
        Span<float> weights = stackalloc float[32];
        Span<byte> levels = stackalloc byte[32];
        Span<float> scales = stackalloc float[8];
        for (; !blocks.IsEmpty; values = values[256..], importance = importance[256..], blocks = blocks[BlockBytes..])
        {
            var block = blocks[..BlockBytes];
            block.Clear();
            scales.Clear();
            var sigma2 = 2 * ScaleSearch.MeanSquare(values[..256]);
            var down = 0;
            for (var group = 0; group < 8; group++)
            {
                var x = values.Slice(group * 32, 32);
                ScaleSearch.Weights(x, importance[(group * 32)..], sigma2, weights);
                if (TernarySplit.Magnitude(x) < 1e-12f || Fit(x, weights, levels, out var isDown) is not { } scale)
                {
                    continue;
                }

                scales[group] = scale;
                down |= (isDown ? 1 : 0) << group;
                var high = 0;
                for (var k = 0; k < 4; k++)
                {
                    var point = CodebookSearch.IQ1.PointOf(levels.Slice(8 * k, 8));
                    block[2 + (4 * group) + k] = (byte)point;
                    high |= (point >> 8) << (3 * k);
                }

                BinaryPrimitives.WriteUInt16LittleEndian(block[(34 + (2 * group))..], (ushort)high);
            }

            var d = CodebookSearch.Largest(scales) / 15;
            if (d == 0)
            {
                continue;
            }

            // The factor makes up for what rounding the scales loses.
            Packed.Half(block, 0, d * 1.125f);
            for (var group = 0; group < 8; group++)
            {
                block[35 + (2 * group)] |= (byte)((CodebookSearch.ScaleLevel(scales[group], 1 / d, 7) | (((down >> group) & 1) << 3)) << 4);
            }
        }
    }

    /// <summary>The scale, the shift and the points of a group of 32 values, or null when no split has a positive error sum.</summary>
    private static float? Fit(ReadOnlySpan<float> x, ReadOnlySpan<float> weights, Span<byte> levels, out bool isDown)
    {
        Span<byte> order = stackalloc byte[32];
        Span<float> sumX = stackalloc float[33];
        Span<float> sumW = stackalloc float[33];
        sumX[0] = sumW[0] = 0;
        TernarySplit.Sort(x, order);
        for (var j = 0; j < 32; j++)
        {
            sumX[j + 1] = sumX[j] + (weights[order[j]] * x[order[j]]);
            sumW[j + 1] = sumW[j] + weights[order[j]];
        }

        var (best, scale, first, second, isUp) = (float.MinValue, 0f, -1, -1, true);
        for (var i = 0; i <= 32; i++)
        {
            for (var j = i; j <= 32; j++)
            {
                for (var up = 1; up >= 0; up--)
                {
                    var q = up != 0 ? TernarySplit.Up : TernarySplit.Down;
                    var sx = (sumX[i] * q[0]) + ((sumX[j] - sumX[i]) * q[1]) + ((sumX[32] - sumX[j]) * q[2]);
                    var sq = (sumW[i] * q[0] * q[0]) + ((sumW[j] - sumW[i]) * q[1] * q[1]) + ((sumW[32] - sumW[j]) * q[2] * q[2]);
                    if (sq > 0 && sx * sx > best * sq)
                    {
                        scale = sx / sq;
                        (best, first, second, isUp) = (scale * sx, i, j, up != 0);
                    }
                }
            }
        }

        isDown = isUp == scale < 0;
        if (first < 0)
        {
            return null;
        }

        TernarySplit.Apply(order, first, second, scale < 0, levels);
        scale = MathF.Abs(scale);
        var meanings = isDown ? TernarySplit.Down : TernarySplit.Up;
        var isOnGrid = true;
        for (var at = 0; at < 32; at += 8)
        {
            isOnGrid &= CodebookSearch.IQ1.Snap(x[at..], weights[at..], scale, meanings, levels.Slice(at, 8));
        }

        if (!isOnGrid)
        {
            var (sx, sq) = (0f, 0f);
            TernarySplit.Add(x, weights, levels, meanings, 1, ref sx, ref sq);
            scale = sx > 0 && sq > 0 ? sx / sq : scale;
        }

        return scale;
    }
}
