using Abi.Compute.Graphs;

namespace Abi.Compute.Scalar;

/// <summary>Rotary position embedding, with angles formed as ggml forms them (a running product in single precision).</summary>
internal static class ScalarRope
{
    public static void Rotate(Rope o, ScalarStep step)
    {
        var (x, y, settings) = (step[o.X], step[o.Result], o.Settings);
        Array.Copy(x, y, step.Rows(o.X) * o.X.Width);
        var half = settings.Rotated / 2;
        var (cosines, sines) = (new float[half], new float[half]);
        var factors = settings.FrequencyFactors?.ToFloats();
        for (var row = 0; row < step.Rows(o.X); row++)
        {
            Angles(settings, factors, step.Position(o.X, row), cosines, sines);
            for (var head = 0; head < o.X.Width; head += settings.HeadSize)
            {
                var start = (row * o.X.Width) + head + settings.Offset;
                for (var i = 0; i < half; i++)
                {
                    var (a, b) = settings.Pairing == RopePairing.Neighbours ? (start + (2 * i), start + (2 * i) + 1) : (start + i, start + half + i);
                    y[a] = (x[a] * cosines[i]) - (x[b] * sines[i]);
                    y[b] = (x[a] * sines[i]) + (x[b] * cosines[i]);
                }
            }
        }
    }

    /// <summary>Cosine and sine of every pair's angle at a position, times the magnitude: [Rotated / 2] each.</summary>
    public static void Angles(RopeSettings settings, ReadOnlySpan<float> factors, int position, Span<float> cosines, Span<float> sines)
    {
        var step = MathF.Pow(settings.FrequencyBase, -2f / settings.Rotated);
        var (low, high) = (0f, 0f);
        var magnitude = settings.AttentionFactor;
        if (settings.ExtrapolationFactor != 0)
        {
            low = MathF.Max(0, MathF.Floor(CorrectionDimension(settings, settings.BetaFast)));
            high = MathF.Min(settings.Rotated - 1, MathF.Ceiling(CorrectionDimension(settings, settings.BetaSlow)));
            magnitude *= 1 + (0.1f * MathF.Log(1 / settings.FrequencyScale));
        }

        var theta = (float)position;
        for (var i = 0; i < cosines.Length; i++)
        {
            var extrapolated = factors.IsEmpty ? theta : theta / factors[i];
            var angle = settings.FrequencyScale * extrapolated;
            if (settings.ExtrapolationFactor != 0)
            {
                var ramp = 1 - MathF.Min(1, MathF.Max(0, (i - low) / MathF.Max(0.001f, high - low)));
                var mix = ramp * settings.ExtrapolationFactor;
                angle = (angle * (1 - mix)) + (extrapolated * mix);
            }

            cosines[i] = MathF.Cos(angle) * magnitude;
            sines[i] = MathF.Sin(angle) * magnitude * (settings.Inverse ? -1 : 1);
            theta *= step;
        }
    }

    private static float CorrectionDimension(RopeSettings settings, float rotations) =>
        settings.Rotated * MathF.Log(settings.OriginalContext / (rotations * 2 * MathF.PI)) / (2 * MathF.Log(settings.FrequencyBase));
}
