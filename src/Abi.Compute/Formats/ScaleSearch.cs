using System.Runtime.CompilerServices;

namespace Abi.Compute.Formats;

/// <summary>The searches for scales that encoders share: small weighted least-squares problems, solved by trying a few candidates.</summary>
/// <remarks>
/// Every sum is taken in ascending order in single precision without fused multiply-adds, as the reference's builds take it: a sum in another
/// order picks another candidate now and then, and other bytes.
/// </remarks>
internal static class ScaleSearch
{
    /// <summary>Below this a group counts as all zero.</summary>
    public const float Epsilon = 1e-15f;

    /// <summary>The nearest integer, ties to even; garbage, but no exception, beyond 2²².</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int Nearest(float value) => (BitConverter.SingleToInt32Bits(value + 12582912f) & 0x007fffff) - 0x00400000;

    /// <summary>The nearest integer, ties away from zero.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int RoundAway(float value) => (int)(value + MathF.CopySign(0.49999997f, value));

    /// <summary>The value of largest magnitude, the first of equals, and its magnitude.</summary>
    public static float LargestMagnitude(ReadOnlySpan<float> values, out float magnitude)
    {
        var (largest, max) = (0f, 0f);
        foreach (var value in values)
        {
            var a = MathF.Abs(value);
            if (a > largest)
            {
                (largest, max) = (a, value);
            }
        }

        magnitude = largest;
        return max;
    }

    /// <summary>The mean of the squares, times <paramref name="factor"/>.</summary>
    public static float MeanSquare(ReadOnlySpan<float> values, float factor = 1)
    {
        var sum = 0f;
        foreach (var value in values)
        {
            sum += value * value;
        }

        return factor * sum / values.Length;
    }

    /// <summary>A weight for each element from its importance and its size: <c>importance × √(σ² + x²)</c>.</summary>
    public static void Weights(ReadOnlySpan<float> values, ReadOnlySpan<float> importance, float sigma2, Span<float> weights)
    {
        for (var i = 0; i < weights.Length; i++)
        {
            weights[i] = importance[i] * MathF.Sqrt(sigma2 + (values[i] * values[i]));
        }
    }

    /// <summary>The weights of <see cref="Weights"/>, or the squares when there is no importance.</summary>
    public static void WeightsOrSquares(ReadOnlySpan<float> values, ReadOnlySpan<float> importance, float sigma2, Span<float> weights)
    {
        if (!importance.IsEmpty)
        {
            Weights(values, importance, sigma2, weights);
            return;
        }

        for (var i = 0; i < weights.Length; i++)
        {
            weights[i] = values[i] * values[i];
        }
    }

    /// <summary>A weight for each element from its size: its magnitude and the group's root mean square.</summary>
    public static void WeightsOfMagnitude(ReadOnlySpan<float> values, Span<float> weights)
    {
        var mean = MathF.Sqrt(MeanSquare(values));
        for (var i = 0; i < values.Length; i++)
        {
            weights[i] = mean + MathF.Abs(values[i]);
        }
    }

    /// <summary>Rounds values that are not negative to even steps of the largest; gives the step.</summary>
    public static float EvenLevels(int top, ReadOnlySpan<float> values, Span<byte> levels)
    {
        var max = 0f;
        foreach (var value in values)
        {
            max = value > max ? value : max;
        }

        var inverse = max > 0 ? top / max : 0;
        for (var i = 0; i < values.Length; i++)
        {
            levels[i] = (byte)Math.Min(top, (int)(byte)Nearest(inverse * values[i]));
        }

        return max / top;
    }

    /// <summary>Refits the 256 levels of a block to its rounded scales: <c>x ≈ d × s × level − dmin × m</c>; a sub-block of scale 0 keeps its levels.</summary>
    public static void FitLevels(int top, ReadOnlySpan<float> values, float d, float dmin, ReadOnlySpan<byte> scales, ReadOnlySpan<byte> minimums, Span<byte> levels)
    {
        var length = 256 / scales.Length;
        for (var group = 0; group < scales.Length; group++)
        {
            var scale = d * scales[group];
            if (scale == 0)
            {
                continue;
            }

            var minimum = dmin * minimums[group];
            var x = values.Slice(group * length, length);
            var l = levels.Slice(group * length, length);
            for (var i = 0; i < x.Length; i++)
            {
                l[i] = (byte)Math.Max(0, Math.Min(top, Nearest((x[i] + minimum) / scale)));
            }
        }
    }

    /// <summary>Refits levels to a rounded scale: <c>x ≈ scale × (level − bound)</c>; a scale of 0 leaves them.</summary>
    public static void FitSymmetric(int bound, ReadOnlySpan<float> values, float scale, Span<byte> levels)
    {
        for (var i = 0; scale != 0 && i < values.Length; i++)
        {
            levels[i] = (byte)(bound + Math.Max(-bound, Math.Min(bound - 1, Nearest(values[i] / scale))));
        }
    }

    /// <summary>The sum, in ascending order.</summary>
    public static float Sum(ReadOnlySpan<float> values)
    {
        var sum = 0f;
        foreach (var value in values)
        {
            sum += value;
        }

        return sum;
    }

    /// <summary>Symmetric codes: finds d for <c>x ≈ d × (level − bound)</c> with levels 0 to 2 × bound − 1.</summary>
    /// <param name="bound">Half the number of levels.</param>
    /// <param name="values">The group, [n].</param>
    /// <param name="weights">The weight of each error, [n], or empty for x².</param>
    /// <param name="levels">Receives the levels, [n].</param>
    public static float Symmetric(int bound, ReadOnlySpan<float> values, ReadOnlySpan<float> weights, Span<byte> levels)
    {
        var max = LargestMagnitude(values, out var magnitude);
        if (magnitude < Epsilon)
        {
            levels[..values.Length].Clear();
            return 0;
        }

        Span<float> squares = stackalloc float[32];
        for (var i = 0; weights.IsEmpty && i < values.Length; i++)
        {
            squares[i] = values[i] * values[i];
        }

        scoped var w = weights.IsEmpty ? squares : weights;

        var inverse = -bound / max;
        var (sumX, sumL) = SymmetricSums(bound, values, w, inverse);
        SymmetricLevels(bound, values, inverse, levels);
        var scale = sumL != 0 ? sumX / sumL : 0f;
        var best = scale * sumX;
        for (var step = -9; step <= 9; step++)
        {
            if (step == 0)
            {
                continue;
            }

            inverse = -(bound + (0.1f * step)) / max;
            (sumX, sumL) = SymmetricSums(bound, values, w, inverse);
            if (sumL > 0 && sumX * sumX > best * sumL)
            {
                SymmetricLevels(bound, values, inverse, levels);
                scale = sumX / sumL;
                best = scale * sumX;
            }
        }

        return scale;
    }

    /// <summary>Symmetric codes of few levels, refined one element at a time; weights are x². Levels are 0 to 2 × bound − 1.</summary>
    public static float SymmetricRefined(int bound, ReadOnlySpan<float> values, Span<byte> levels)
    {
        var max = LargestMagnitude(values, out var magnitude);
        if (magnitude < Epsilon)
        {
            levels[..values.Length].Clear();
            return 0;
        }

        Span<int> signed = stackalloc int[16];
        var inverse = -bound / max;
        var (sumX, sumL) = (0f, 0f);
        for (var i = 0; i < values.Length; i++)
        {
            var l = Math.Max(-bound, Math.Min(bound - 1, Nearest(inverse * values[i])));
            signed[i] = l;
            var w = values[i] * values[i];
            sumX += w * values[i] * l;
            sumL += w * l * l;
        }

        for (var round = 0; round < 5; round++)
        {
            var changed = false;
            for (var i = 0; i < values.Length; i++)
            {
                var w = values[i] * values[i];
                var x = sumX - (w * values[i] * signed[i]);
                if (x > 0)
                {
                    var l2 = sumL - (w * signed[i] * signed[i]);
                    var l = Math.Max(-bound, Math.Min(bound - 1, Nearest(values[i] * l2 / x)));
                    if (l != signed[i])
                    {
                        x += w * values[i] * l;
                        l2 += w * l * l;
                        if (l2 > 0 && x * x * sumL > sumX * sumX * l2)
                        {
                            (signed[i], sumX, sumL, changed) = (l, x, l2, true);
                        }
                    }
                }
            }

            if (!changed)
            {
                break;
            }
        }

        for (var i = 0; i < values.Length; i++)
        {
            levels[i] = (byte)(signed[i] + bound);
        }

        return sumL > 0 ? sumX / sumL : 0;
    }

    /// <summary>Codes with a minimum: finds d and m ≥ 0 for <c>x ≈ d × level − m</c> with levels 0 to <paramref name="top"/>.</summary>
    /// <param name="top">The largest level.</param>
    /// <param name="values">The group, [n], n at most 32.</param>
    /// <param name="weights">The weight of each error, [n].</param>
    /// <param name="levels">Receives the levels, [n].</param>
    /// <param name="minimum">Receives m.</param>
    /// <param name="first">The first candidate's number of levels, beside <paramref name="top"/>.</param>
    /// <param name="step">The step between candidates.</param>
    /// <param name="steps">The number of candidates, less one.</param>
    /// <param name="absolute">Whether the error is absolute, not squared.</param>
    public static float Affine(int top, ReadOnlySpan<float> values, ReadOnlySpan<float> weights, Span<byte> levels, out float minimum, float first, float step, int steps, bool absolute)
    {
        var n = values.Length;
        weights = weights[..n];
        levels = levels[..n];
        var (min, max) = (values[0], values[0]);
        var sumW = weights[0];
        var sumX = sumW * values[0];
        for (var i = 1; i < n; i++)
        {
            min = values[i] < min ? values[i] : min;
            max = values[i] > max ? values[i] : max;
            sumW += weights[i];
            sumX += weights[i] * values[i];
        }

        if (min > 0)
        {
            min = 0;
        }

        if (max <= min)
        {
            levels.Clear();
            minimum = -min;
            return 0;
        }

        Span<byte> candidate = stackalloc byte[32];
        candidate = candidate[..n];
        var inverse = top / (max - min);
        var scale = 1 / inverse;
        for (var i = 0; i < n; i++)
        {
            levels[i] = (byte)Math.Max(0, Math.Min(top, Nearest(inverse * (values[i] - min))));
        }

        var best = AffineError(values, weights, levels, scale, min, absolute);
        for (var s = 0; s <= steps; s++)
        {
            inverse = (first + (step * s) + top) / (max - min);
            var (sumL, sumLL, sumXL) = (0f, 0f, 0f);
            for (var i = 0; i < n; i++)
            {
                var l = Math.Max(0, Math.Min(top, Nearest(inverse * (values[i] - min))));
                candidate[i] = (byte)l;
                var wl = weights[i] * l;
                sumL += wl;
                sumLL += wl * l;
                sumXL += wl * values[i];
            }

            var determinant = (sumW * sumLL) - (sumL * sumL);
            if (determinant > 0)
            {
                var thisScale = ((sumW * sumXL) - (sumX * sumL)) / determinant;
                var thisMin = ((sumLL * sumX) - (sumL * sumXL)) / determinant;
                if (thisMin > 0)
                {
                    thisMin = 0;
                    thisScale = sumXL / sumLL;
                }

                var error = AffineError(values, weights, candidate, thisScale, thisMin, absolute);
                if (error < best)
                {
                    candidate.CopyTo(levels);
                    (best, scale, min) = (error, thisScale, thisMin);
                }
            }
        }

        minimum = -min;
        return scale;
    }

    /// <summary>Positive values (scales of groups): finds d for <c>x ≈ d × level</c> with levels 0 to <paramref name="top"/>.</summary>
    public static float Positive(int top, ReadOnlySpan<float> values, ReadOnlySpan<float> weights, Span<byte> levels)
    {
        var max = 0f;
        foreach (var value in values)
        {
            max = max > value ? max : value;
        }

        if (max < Epsilon)
        {
            levels[..values.Length].Clear();
            return 0;
        }

        var inverse = top / max;
        var best = 0f;
        for (var i = 0; i < values.Length; i++)
        {
            // The first candidate's levels pass through a byte, which matters for values below zero (signs that were flipped to make their number even).
            var difference = values[i] - (1 / inverse * (byte)Nearest(inverse * values[i]));
            best += weights[i] * difference * difference;
        }

        for (var step = -4; step <= 4; step++)
        {
            if (step == 0)
            {
                continue;
            }

            var candidate = ((0.1f * step) + top) / max;
            var error = PositiveError(top, values, weights, candidate);
            if (error < best)
            {
                (best, inverse) = (error, candidate);
            }
        }

        var (sumX, sumL) = (0f, 0f);
        for (var i = 0; i < values.Length; i++)
        {
            var l = Math.Min(top, Nearest(inverse * values[i]));
            levels[i] = (byte)l;
            sumX += weights[i] * values[i] * l;
            sumL += weights[i] * l * l;
        }

        for (var round = 0; round < 5; round++)
        {
            var changed = false;
            for (var i = 0; i < values.Length; i++)
            {
                var w = weights[i];
                var x = sumX - (w * values[i] * levels[i]);
                var l2 = sumL - (w * levels[i] * levels[i]);
                if (x > 0 && l2 > 0)
                {
                    var l = Math.Min(top, Nearest(values[i] * l2 / x));
                    if (l != levels[i])
                    {
                        x += w * values[i] * l;
                        l2 += w * l * l;
                        if (x * x * sumL > sumX * sumX * l2)
                        {
                            (levels[i], sumX, sumL, changed) = ((byte)l, x, l2, true);
                        }
                    }
                }
            }

            if (!changed)
            {
                break;
            }
        }

        return sumL > 0 ? sumX / sumL : 0;
    }

    /// <summary>The index of the nearest of ascending values; the higher of two that are equally near.</summary>
    public static int NearestIndex(ReadOnlySpan<sbyte> ascending, float value)
    {
        var (low, high) = (0, ascending.Length - 1);
        if (value <= ascending[low])
        {
            return low;
        }

        if (value >= ascending[high])
        {
            return high;
        }

        while (high - low > 1)
        {
            var middle = (low + high) / 2;
            if (value < ascending[middle])
            {
                high = middle;
            }
            else
            {
                low = middle;
            }
        }

        return value - ascending[high - 1] < ascending[high] - value ? high - 1 : high;
    }

    private static (float SumX, float SumL) SymmetricSums(int bound, ReadOnlySpan<float> values, ReadOnlySpan<float> weights, float inverse)
    {
        var (sumX, sumL) = (0f, 0f);
        for (var i = 0; i < values.Length; i++)
        {
            var l = Math.Max(-bound, Math.Min(bound - 1, Nearest(inverse * values[i])));
            sumX += weights[i] * values[i] * l;
            sumL += weights[i] * l * l;
        }

        return (sumX, sumL);
    }

    private static void SymmetricLevels(int bound, ReadOnlySpan<float> values, float inverse, Span<byte> levels)
    {
        for (var i = 0; i < values.Length; i++)
        {
            levels[i] = (byte)(bound + Math.Max(-bound, Math.Min(bound - 1, Nearest(inverse * values[i]))));
        }
    }

    private static float AffineError(ReadOnlySpan<float> values, ReadOnlySpan<float> weights, ReadOnlySpan<byte> levels, float scale, float min, bool absolute)
    {
        var error = 0f;
        for (var i = 0; i < values.Length; i++)
        {
            var difference = (scale * levels[i]) + min - values[i];
            error += weights[i] * (absolute ? MathF.Abs(difference) : difference * difference);
        }

        return error;
    }

    private static float PositiveError(int top, ReadOnlySpan<float> values, ReadOnlySpan<float> weights, float inverse)
    {
        var scale = 1 / inverse;
        var error = 0f;
        for (var i = 0; i < values.Length; i++)
        {
            var difference = values[i] - (scale * Math.Min(top, Nearest(inverse * values[i])));
            error += weights[i] * difference * difference;
        }

        return error;
    }
}
