using Abi.Compute.Adapters;
using Abi.Compute.Graphs;
using Abi.Compute.Tensors;

namespace Abi.Compute.Scalar;

/// <summary>Low-rank changes: <c>t = A x</c>, one chain over ascending columns, then <c>y += (scale × t) B</c>, one chain over ascending ranks; for embeddings, t is B's column of the id.</summary>
internal static class ScalarAdapters
{
    public static void Adapt(Adapt o, ScalarStep step) => Apply(o.Y, o.Weight, o.Result, step, (adapter, row, y) =>
        AddProduct(adapter, 0, step[o.X].AsSpan(row * o.X.Width, o.X.Width), y));

    public static void AdaptExperts(AdaptExperts o, ScalarStep step)
    {
        var used = o.Route.Width / 2;
        var (columns, outputs) = ((int)o.Weight.Columns, (int)o.Weight.Shape[1]);
        Apply(o.Y, o.Weight, o.Result, step, (adapter, row, y) =>
        {
            for (var i = 0; i < used; i++)
            {
                var place = o.X.Width == columns ? 0 : i;
                AddProduct(adapter, (int)step[o.Route][(row * o.Route.Width) + i], step[o.X].AsSpan((row * o.X.Width) + (place * columns), columns), y.Slice(i * outputs, outputs));
            }
        });
    }

    public static void AdaptEmbedding(AdaptEmbedding o, ScalarStep step) => Apply(o.Y, o.Table, o.Result, step, (adapter, row, y) =>
    {
        var (a, b) = (adapter.A.ToFloats(), adapter.B.ToFloats());
        for (var r = 0; r < adapter.Rank; r++)
        {
            AddScaled(adapter.Scale * b[(r * (int)o.Table.Rows) + step.Inputs.Ids[row]], a.AsSpan(r * y.Length, y.Length), y);
        }
    });

    private static void Apply(Value source, WeightTensor weight, Value target, ScalarStep step, Addition add)
    {
        var result = step[target];
        step[source].AsSpan(0, step.Rows(source) * source.Width).CopyTo(result);
        for (var row = 0; row < step.Rows(source); row++)
        {
            if (step.Sequence(source, row).Adapters is not { } set)
            {
                continue;
            }

            foreach (var adapter in set.Find(weight))
            {
                add(adapter, row, result.AsSpan(row * target.Width, target.Width));
            }
        }
    }

    private static void AddProduct(WeightAdapter adapter, int expert, ReadOnlySpan<float> x, Span<float> y)
    {
        var (a, b, rank) = (adapter.A.ToFloats(), adapter.B.ToFloats(), adapter.Rank);
        for (var r = expert * rank; r < (expert + 1) * rank; r++)
        {
            var t = 0f;
            for (var k = 0; k < x.Length; k++)
            {
                t = MathF.FusedMultiplyAdd(a[(r * x.Length) + k], x[k], t);
            }

            AddScaled(t * adapter.Scale, b.AsSpan(r * y.Length, y.Length), y);
        }
    }

    private static void AddScaled(float t, ReadOnlySpan<float> x, Span<float> y)
    {
        for (var i = 0; i < y.Length; i++)
        {
            y[i] = MathF.FusedMultiplyAdd(t, x[i], y[i]);
        }
    }

    private delegate void Addition(WeightAdapter adapter, int row, Span<float> y);
}
