using Abi.Compute.Graphs;

namespace Abi.Compute.Scalar;

/// <summary>Mixtures of experts.</summary>
internal static class ScalarExperts
{
    public static void Route(Route o, ScalarStep step)
    {
        var settings = o.Settings;
        var bias = settings.SelectionBias?.ToFloats();
        var scores = new float[settings.Experts];
        var selection = new float[settings.Experts];
        for (var row = 0; row < step.Rows(o.Logits); row++)
        {
            var logits = step[o.Logits].AsSpan(row * settings.Experts, settings.Experts);
            Score(logits, settings.Score, scores);
            for (var e = 0; e < scores.Length; e++)
            {
                selection[e] = scores[e] + (bias?[e] ?? 0);
            }

            DropGroups(selection, settings);
            var result = step[o.Result].AsSpan(row * 2 * settings.Used, 2 * settings.Used);
            for (var i = 0; i < settings.Used; i++)
            {
                var best = 0;
                for (var e = 1; e < selection.Length; e++)
                {
                    best = selection[e] > selection[best] ? e : best;
                }

                result[i] = best / settings.ExpertsPerChunk;
                result[settings.Used + i] = scores[best / settings.ExpertsPerChunk];
                selection[best] = float.NegativeInfinity;
            }

            Weigh(result[settings.Used..], settings);
        }
    }

    public static void MatMul(ExpertMatMul o, ScalarStep step)
    {
        var (x, y, route) = (step[o.X], step[o.Result], step[o.Route]);
        var used = o.Route.Width / 2;
        var (columns, rows) = ((int)o.Weight.Columns, (int)o.Weight.Shape[1]);
        var shared = o.X.Width == columns;
        var bias = o.Bias?.ToFloats();
        for (var row = 0; row < step.Rows(o.X); row++)
        {
            var xRow = x.AsSpan(row * o.X.Width, o.X.Width).ToArray();
            var yRow = new float[o.Result.Width];
            for (var i = 0; i < used; i++)
            {
                var expert = (int)route[(row * o.Route.Width) + i];
                ScalarProducts.Multiply(xRow, 1, xRow.Length, shared ? 0 : i * columns, o.Weight, (long)expert * rows, rows, yRow, yRow.Length, i * rows, step.Activations);
                for (var r = 0; bias is not null && r < rows; r++)
                {
                    yRow[(i * rows) + r] += bias[(expert * rows) + r];
                }
            }

            yRow.CopyTo(y, row * o.Result.Width);
        }
    }

    public static void Scale(ExpertScale o, ScalarStep step)
    {
        var (x, y, route) = (step[o.X], step[o.Result], step[o.Route]);
        var used = o.Route.Width / 2;
        var width = o.Result.Width / used;
        for (var row = 0; row < step.Rows(o.X); row++)
        {
            for (var i = 0; i < o.Result.Width; i++)
            {
                y[(row * o.Result.Width) + i] = x[(row * o.X.Width) + (i % o.X.Width)] * route[(row * o.Route.Width) + used + (i / width)];
            }
        }
    }

    public static void Sum(ExpertSum o, ScalarStep step)
    {
        var (x, y, route) = (step[o.X], step[o.Result], step[o.Route]);
        var used = o.Route.Width / 2;
        var width = o.Result.Width;
        var scales = o.Scales?.ToFloats();
        for (var row = 0; row < step.Rows(o.X); row++)
        {
            for (var column = 0; column < width; column++)
            {
                var sum = 0f;
                for (var i = 0; i < used; i++)
                {
                    var part = x[(row * o.X.Width) + (i * width) + column];
                    part = scales is null ? part : part * scales[(int)route[(row * o.Route.Width) + i]];
                    sum += o.Weighted ? part * route[(row * o.Route.Width) + used + i] : part;
                }

                y[(row * width) + column] = sum;
            }
        }
    }

    private static void Score(ReadOnlySpan<float> logits, RouteScore score, Span<float> scores)
    {
        logits.CopyTo(scores);
        if (score == RouteScore.Softmax)
        {
            ScalarNorms.Softmax(scores);
        }
        else if (score == RouteScore.Sigmoid)
        {
            for (var e = 0; e < scores.Length; e++)
            {
                scores[e] = 1 / (1 + MathF.Exp(-scores[e]));
            }
        }
    }

    /// <summary>Leaves only the groups whose two best scores have the greatest sums.</summary>
    private static void DropGroups(float[] selection, RouteSettings settings)
    {
        if (settings.Groups <= 1)
        {
            return;
        }

        var length = selection.Length / settings.Groups;
        var kept = Enumerable.Range(0, settings.Groups)
            .OrderByDescending(group => selection.Skip(group * length).Take(length).OrderDescending().Take(2).Sum())
            .Take(settings.GroupsUsed)
            .ToHashSet();
        for (var e = 0; e < selection.Length; e++)
        {
            selection[e] = kept.Contains(e / length) ? selection[e] : float.NegativeInfinity;
        }
    }

    private static void Weigh(Span<float> weights, RouteSettings settings)
    {
        if (settings.Score == RouteScore.SoftmaxOfChosen)
        {
            ScalarNorms.Softmax(weights);
        }

        var sum = 0f;
        foreach (var weight in weights)
        {
            sum += weight;
        }

        for (var i = 0; i < weights.Length; i++)
        {
            weights[i] = (settings.Normalize ? weights[i] / MathF.Max(sum, settings.NormalizeFloor) : weights[i]) * settings.Scale;
        }
    }
}
