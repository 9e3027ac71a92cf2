using Abi.Compute.Adapters;
using Abi.Compute.Graphs;

namespace Abi.Compute.Scalar;

/// <summary>Low-rank changes of products: <c>t = A x</c>, one chain over ascending columns, then <c>y += (scale × t) B</c>, one chain over ascending ranks.</summary>
internal static class ScalarAdapters
{
    public static void Adapt(Adapt o, ScalarStep step)
    {
        var (x, y, result) = (step[o.X], step[o.Y], step[o.Result]);
        y.AsSpan(0, step.Rows(o.Y) * o.Y.Width).CopyTo(result);
        for (var row = 0; row < step.Rows(o.X); row++)
        {
            if (step.Sequence(o.X, row).Adapters is not { } set)
            {
                continue;
            }

            foreach (var adapter in set.Find(o.Weight))
            {
                Add(adapter, x.AsSpan(row * o.X.Width, o.X.Width), result.AsSpan(row * o.Result.Width, o.Result.Width));
            }
        }
    }

    private static void Add(WeightAdapter adapter, ReadOnlySpan<float> x, Span<float> y)
    {
        var (a, b, rank) = (adapter.A.ToFloats(), adapter.B.ToFloats(), adapter.Rank);
        for (var r = 0; r < rank; r++)
        {
            var t = 0f;
            for (var k = 0; k < x.Length; k++)
            {
                t = MathF.FusedMultiplyAdd(a[(r * x.Length) + k], x[k], t);
            }

            t *= adapter.Scale;
            for (var o = 0; o < y.Length; o++)
            {
                y[o] = MathF.FusedMultiplyAdd(t, b[(r * y.Length) + o], y[o]);
            }
        }
    }
}
