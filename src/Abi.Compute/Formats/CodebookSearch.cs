namespace Abi.Compute.Formats;

/// <summary>Finds points of an IQ format's codebook. Points and what is looked for are levels: small codes that stand for <c>2 × level + 1</c>.</summary>
/// <remarks>Thread-safe. The neighbours of a combination that is no point are found when first asked for, and kept.</remarks>
internal sealed class CodebookSearch
{
    private readonly byte[] _levels;
    private readonly int _bits;
    private readonly int _rings;
    private readonly short[] _pointOf;
    private readonly ushort[]?[] _neighbours;

    /// <summary>Makes the search.</summary>
    /// <param name="points">The points, packed.</param>
    /// <param name="length">The elements of a point.</param>
    /// <param name="bits">The bits of a level.</param>
    /// <param name="rings">How many different distances count as near.</param>
    private CodebookSearch(ReadOnlySpan<ushort> points, int length, int bits, int rings)
    {
        Length = length;
        _bits = bits;
        _rings = rings;
        _levels = new byte[points.Length * length];
        _pointOf = new short[1 << (length * bits)];
        _neighbours = new ushort[_pointOf.Length][];
        _pointOf.AsSpan().Fill(-1);
        for (var point = 0; point < points.Length; point++)
        {
            _pointOf[points[point]] = (short)point;
            for (var i = 0; i < length; i++)
            {
                _levels[(point * length) + i] = (byte)((points[point] >> (bits * i)) & ((1 << bits) - 1));
            }
        }
    }

    public static CodebookSearch IQ2_XXS { get; } = new(CodebookPoints.IQ2_XXS, 8, 2, 2);

    public static CodebookSearch IQ2_XS { get; } = new(CodebookPoints.IQ2_XS, 8, 2, 2);

    public static CodebookSearch IQ2_S { get; } = new(CodebookPoints.IQ2_S, 8, 2, 1);

    public static CodebookSearch IQ3_XXS { get; } = new(CodebookPoints.IQ3_XXS, 4, 3, 2);

    public static CodebookSearch IQ3_S { get; } = new(CodebookPoints.IQ3_S, 4, 3, 3);

    public static CodebookSearch IQ1 { get; } = new(CodebookPoints.IQ1, 8, 2, 3);

    /// <summary>The elements of a point.</summary>
    public int Length { get; }

    /// <summary>The levels of a point.</summary>
    public ReadOnlySpan<byte> Levels(int point) => _levels.AsSpan(point * Length, Length);

    /// <summary>The point that these levels are, or −1.</summary>
    public int PointOf(ReadOnlySpan<byte> levels) => _pointOf[Pack(levels)];

    /// <summary>Moves levels to the near point of the least weighted error of <c>x ≈ scale × (2 × level + 1)</c>; stays when they are a point. Gives whether they were.</summary>
    public bool Snap(ReadOnlySpan<float> values, ReadOnlySpan<float> weights, float scale, Span<byte> levels)
    {
        var packed = Pack(levels);
        if (_pointOf[packed] >= 0)
        {
            return true;
        }

        var (best, least) = (-1, float.MaxValue);
        foreach (var point in Neighbours(packed))
        {
            var candidate = Levels(point);
            var error = 0f;
            for (var i = 0; i < candidate.Length; i++)
            {
                var difference = (scale * ((2 * candidate[i]) + 1)) - values[i];
                error += weights[i] * difference * difference;
            }

            if (error < least)
            {
                (best, least) = (point, error);
            }
        }

        // Where no error is a number below the greatest (values near the end of single precision), the nearest point will do.
        Levels(best < 0 ? Neighbours(packed)[0] : best).CopyTo(levels);
        return false;
    }

    /// <summary>Moves levels to the near point of the least weighted error of <c>x ≈ scale × meanings[level]</c>; stays when they are a point. Gives whether they were.</summary>
    public bool Snap(ReadOnlySpan<float> values, ReadOnlySpan<float> weights, float scale, ReadOnlySpan<float> meanings, Span<byte> levels)
    {
        var packed = Pack(levels);
        if (_pointOf[packed] >= 0)
        {
            return true;
        }

        var (best, least) = (-1, float.MaxValue);
        foreach (var point in Neighbours(packed))
        {
            var candidate = Levels(point);
            var error = 0f;
            for (var i = 0; i < candidate.Length; i++)
            {
                var difference = (scale * meanings[candidate[i]]) - values[i];
                error += weights[i] * difference * difference;
            }

            if (error < least)
            {
                (best, least) = (point, error);
            }
        }

        Levels(best < 0 ? Neighbours(packed)[0] : best).CopyTo(levels);
        return false;
    }

    /// <summary>Finds scale and points for a group of magnitudes: <c>x ≈ scale × (2 × level + 1)</c>.</summary>
    /// <param name="magnitudes">The group, [n].</param>
    /// <param name="weights">The weight of each error, [n].</param>
    /// <param name="roots">Their square roots, [n].</param>
    /// <param name="top">The largest level.</param>
    /// <param name="steps">How many candidates are tried on either side of the plain scale.</param>
    /// <param name="step">The step between them.</param>
    /// <param name="refitsAll">Whether the last fit is for all points once one was moved, not for the moved alone.</param>
    /// <param name="levels">Receives the levels, [n], every <see cref="Length"/> of them a point.</param>
    /// <returns>The scale.</returns>
    public float Fit(ReadOnlySpan<float> magnitudes, ReadOnlySpan<float> weights, ReadOnlySpan<float> roots, int top, int steps, float step, bool refitsAll, Span<byte> levels)
    {
        var n = magnitudes.Length;
        Span<byte> candidate = stackalloc byte[32];
        candidate = candidate[..n];
        levels.Clear();
        var max = Largest(magnitudes);
        var scale = max / ((2 * top) + 1);
        var best = 0f;
        var moved = refitsAll ? uint.MaxValue : 0;
        for (var s = -steps; s <= steps; s++)
        {
            var inverse = ((2 * top) + 1 + (s * step)) / max;
            var movedNow = Round(magnitudes, weights: roots, inverse, 1 / inverse, top, candidate);
            var (sumX, sumL) = Sums(magnitudes, weights, candidate);
            if (sumL > 0 && sumX * sumX > best * sumL)
            {
                scale = sumX / sumL;
                best = scale * sumX;
                candidate.CopyTo(levels);
                moved = movedNow;
            }
        }

        if (moved != 0 && scale > 0)
        {
            Round(magnitudes, roots, 1 / scale, scale, top, candidate);
            for (var point = 0; point < n / Length; point++)
            {
                if (refitsAll || ((moved >> point) & 1) != 0)
                {
                    candidate.Slice(point * Length, Length).CopyTo(levels[(point * Length)..]);
                }
            }

            var (sumX, sumL) = Sums(magnitudes, weights, levels);
            if (sumL > 0)
            {
                scale = sumX / sumL;
            }
        }

        return scale;
    }

    /// <summary>Rounds a group to levels and moves those that are no points; gives a bit for each point that was moved.</summary>
    public uint Round(ReadOnlySpan<float> magnitudes, ReadOnlySpan<float> weights, float inverse, float scale, int top, Span<byte> levels)
    {
        for (var i = 0; i < magnitudes.Length; i++)
        {
            levels[i] = (byte)Math.Max(0, Math.Min(top, ScaleSearch.Nearest(0.5f * ((inverse * magnitudes[i]) - 1))));
        }

        var moved = 0u;
        for (int at = 0, point = 0; at < magnitudes.Length; at += Length, point++)
        {
            moved |= Snap(magnitudes.Slice(at, Length), weights.Slice(at, Length), scale, levels.Slice(at, Length)) ? 0 : 1u << point;
        }

        return moved;
    }

    /// <summary>The sums <c>Σ w x q</c> and <c>Σ w q²</c> with q = 2 × level + 1.</summary>
    public static (float SumX, float SumL) Sums(ReadOnlySpan<float> values, ReadOnlySpan<float> weights, ReadOnlySpan<byte> levels)
    {
        var (sumX, sumL) = (0f, 0f);
        for (var i = 0; i < values.Length; i++)
        {
            float q = (2 * levels[i]) + 1;
            sumX += weights[i] * values[i] * q;
            sumL += weights[i] * q * q;
        }

        return (sumX, sumL);
    }

    /// <summary>The largest value.</summary>
    public static float Largest(ReadOnlySpan<float> values)
    {
        var max = values[0];
        for (var i = 1; i < values.Length; i++)
        {
            max = max > values[i] ? max : values[i];
        }

        return max;
    }

    /// <summary>Splits 8 values into magnitudes and signs (a bit each); where the format stores seven signs, their number is made even by flipping the least important.</summary>
    public static int TakeSigns(ReadOnlySpan<float> values, ReadOnlySpan<float> weights, bool even, Span<float> magnitudes)
    {
        var signs = 0;
        for (var i = 0; i < 8; i++)
        {
            var isNegative = !(values[i] >= 0);
            magnitudes[i] = isNegative ? -values[i] : values[i];
            signs |= (isNegative ? 1 : 0) << i;
        }

        if (!even)
        {
            return signs;
        }

        if ((System.Numerics.BitOperations.PopCount((uint)signs) & 1) != 0)
        {
            var (least, at) = (weights[0] * values[0] * values[0], 0);
            for (var i = 1; i < 8; i++)
            {
                var cost = weights[i] * values[i] * values[i];
                if (cost < least)
                {
                    (least, at) = (cost, i);
                }
            }

            magnitudes[at] = -magnitudes[at];
            signs ^= 1 << at;
        }

        return signs & 127;
    }

    /// <summary>Rounds a group's scale to four bits: <c>scale ≈ d × (2 × level + 1)</c>.</summary>
    public static int ScaleLevel(float scale, float inverse, int top = 15) => Math.Max(0, Math.Min(top, ScaleSearch.Nearest(0.5f * ((inverse * scale) - 1))));

    private int Pack(ReadOnlySpan<byte> levels)
    {
        var packed = 0;
        for (var i = 0; i < levels.Length; i++)
        {
            packed |= levels[i] << (_bits * i);
        }

        return packed;
    }

    /// <summary>The points at the least distances, nearest first.</summary>
    private ushort[] Neighbours(int packed)
    {
        if (Volatile.Read(ref _neighbours[packed]) is { } known)
        {
            return known;
        }

        var distances = new int[_levels.Length / Length];
        for (var point = 0; point < distances.Length; point++)
        {
            for (var i = 0; i < Length; i++)
            {
                var difference = _levels[(point * Length) + i] - ((packed >> (_bits * i)) & ((1 << _bits) - 1));
                distances[point] += difference * difference;
            }
        }

        var near = new List<ushort>();
        var ring = -1;
        for (var r = 0; r < _rings; r++)
        {
            var next = int.MaxValue;
            foreach (var distance in distances)
            {
                next = distance > ring && distance < next ? distance : next;
            }

            for (var point = 0; point < distances.Length; point++)
            {
                if (distances[point] == next)
                {
                    near.Add((ushort)point);
                }
            }

            ring = next;
        }

        ushort[] found = [.. near];
        Volatile.Write(ref _neighbours[packed], found);
        return found;
    }
}
