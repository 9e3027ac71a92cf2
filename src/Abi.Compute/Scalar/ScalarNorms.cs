using Abi.Compute.Graphs;

namespace Abi.Compute.Scalar;

/// <summary>Norms and softmax over runs of columns.</summary>
internal static class ScalarNorms
{
    public static void RmsNorm(RmsNorm o, ScalarStep step)
    {
        var (x, y) = (step[o.X], step[o.Result]);
        var (weight, bias) = (o.Weight?.ToFloats(), o.Bias?.ToFloats());
        for (var start = 0; start < step.Rows(o.X) * o.X.Width; start += o.GroupWidth)
        {
            var sum = 0f;
            for (var i = 0; i < o.GroupWidth; i++)
            {
                sum += x[start + i] * x[start + i];
            }

            var scale = 1 / MathF.Sqrt((sum / o.GroupWidth) + o.Epsilon);
            for (var i = 0; i < o.GroupWidth; i++)
            {
                var column = (start + i) % o.X.Width;
                y[start + i] = (x[start + i] * scale * (weight is null ? 1 : weight[column % weight.Length])) + (bias is null ? 0 : bias[column % bias.Length]);
            }
        }
    }

    public static void LayerNorm(LayerNorm o, ScalarStep step)
    {
        var (x, y) = (step[o.X], step[o.Result]);
        var (weight, bias) = (o.Weight?.ToFloats(), o.Bias?.ToFloats());
        for (var start = 0; start < step.Rows(o.X) * o.X.Width; start += o.GroupWidth)
        {
            var sum = 0f;
            for (var i = 0; i < o.GroupWidth; i++)
            {
                sum += x[start + i];
            }

            var mean = sum / o.GroupWidth;
            var squares = 0f;
            for (var i = 0; i < o.GroupWidth; i++)
            {
                var centred = x[start + i] - mean;
                squares += centred * centred;
            }

            var scale = 1 / MathF.Sqrt((squares / o.GroupWidth) + o.Epsilon);
            for (var i = 0; i < o.GroupWidth; i++)
            {
                var column = (start + i) % o.X.Width;
                y[start + i] = ((x[start + i] - mean) * scale * (weight is null ? 1 : weight[column % weight.Length])) + (bias is null ? 0 : bias[column % bias.Length]);
            }
        }
    }

    public static void L2Norm(L2Norm o, ScalarStep step)
    {
        var (x, y) = (step[o.X], step[o.Result]);
        for (var start = 0; start < step.Rows(o.X) * o.X.Width; start += o.GroupWidth)
        {
            var sum = 0f;
            for (var i = 0; i < o.GroupWidth; i++)
            {
                sum += x[start + i] * x[start + i];
            }

            var scale = 1 / MathF.Max(MathF.Sqrt(sum), o.Epsilon);
            for (var i = 0; i < o.GroupWidth; i++)
            {
                y[start + i] = x[start + i] * scale;
            }
        }
    }

    public static void Softmax(Softmax o, ScalarStep step)
    {
        var (x, y) = (step[o.X], step[o.Result]);
        for (var start = 0; start < step.Rows(o.X) * o.X.Width; start += o.GroupWidth)
        {
            x.AsSpan(start, o.GroupWidth).CopyTo(y.AsSpan(start));
            Softmax(y.AsSpan(start, o.GroupWidth));
        }
    }

    /// <summary>Softmax in place.</summary>
    public static void Softmax(Span<float> values)
    {
        var greatest = float.NegativeInfinity;
        foreach (var value in values)
        {
            greatest = MathF.Max(greatest, value);
        }

        var sum = 0f;
        for (var i = 0; i < values.Length; i++)
        {
            values[i] = MathF.Exp(values[i] - greatest);
            sum += values[i];
        }

        for (var i = 0; i < values.Length; i++)
        {
            values[i] /= sum;
        }
    }
}
