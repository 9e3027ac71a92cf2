using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Abi.Compute.Cpu.Kernels;

/// <summary>Norms and softmax of one run of floats. Sums are of sixteen lanes, then a fixed tree, so they depend on the run's length alone. Results may overwrite inputs.</summary>
internal static unsafe class NormKernels
{
    /// <summary><c>y = x / sqrt(mean(x²) + ε) × weight + bias</c> over [count]; weight and bias may be null.</summary>
    public static void RmsNorm(float* x, float* y, int count, float epsilon, float* weight, float* bias) =>
        Apply(x, y, count, 0, 1 / MathF.Sqrt((SumOfSquares(x, count, 0) / count) + epsilon), weight, bias);

    /// <summary><c>y = (x − mean) / sqrt(variance + ε) × weight + bias</c> over [count].</summary>
    public static void LayerNorm(float* x, float* y, int count, float epsilon, float* weight, float* bias)
    {
        var mean = Sum(x, count) / count;
        Apply(x, y, count, mean, 1 / MathF.Sqrt((SumOfSquares(x, count, mean) / count) + epsilon), weight, bias);
    }

    /// <summary><c>y = x / max(‖x‖, ε)</c> over [count].</summary>
    public static void L2Norm(float* x, float* y, int count, float epsilon) =>
        Apply(x, y, count, 0, 1 / MathF.Max(MathF.Sqrt(SumOfSquares(x, count, 0)), epsilon), null, null);

    /// <summary>Softmax over [count].</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Softmax(float* x, float* y, int count)
    {
        var greatest = Max(x, count);
        var sums = Vector512<float>.Zero;
        var i = 0;
        for (; i <= count - Lanes.Count; i += Lanes.Count)
        {
            var e = Exponential.Exp(Vector512.Load(x + i) - Vector512.Create(greatest));
            sums += e;
            e.Store(y + i);
        }

        if (i < count)
        {
            Lanes.StorePart(Exponential.Exp(Lanes.LoadPart(x + i, count - i) - Vector512.Create(greatest)), y + i, count - i);
            sums += Lanes.LoadPart(y + i, count - i);
        }

        var sum = Lanes.Sum(sums);
        ElementKernels.Map(y, y, count, new DivideLanes(sum));
    }

    /// <summary>The sum of [count].</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static float Sum(float* x, int count)
    {
        var sums = Vector512<float>.Zero;
        var i = 0;
        for (; i <= count - Lanes.Count; i += Lanes.Count)
        {
            sums += Vector512.Load(x + i);
        }

        return Lanes.Sum(i < count ? sums + Lanes.LoadPart(x + i, count - i) : sums);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static float Max(float* x, int count)
    {
        var greatest = float.NegativeInfinity;
        var i = 0;
        if (count >= Lanes.Count)
        {
            var lanes = Vector512.Load(x);
            for (i = Lanes.Count; i <= count - Lanes.Count; i += Lanes.Count)
            {
                lanes = Lanes.Max(Vector512.Load(x + i), lanes);
            }

            greatest = Lanes.Max(lanes);
        }

        for (; i < count; i++)
        {
            greatest = x[i] > greatest ? x[i] : greatest;
        }

        return greatest;
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static float SumOfSquares(float* x, int count, float mean)
    {
        var (even, odd) = (Vector512<float>.Zero, Vector512<float>.Zero);
        var centre = Vector512.Create(mean);
        var i = 0;
        for (; i <= count - (2 * Lanes.Count); i += 2 * Lanes.Count)
        {
            var a = Vector512.Load(x + i) - centre;
            var b = Vector512.Load(x + i + Lanes.Count) - centre;
            even = Lanes.Fma(a, a, even);
            odd = Lanes.Fma(b, b, odd);
        }

        for (; i < count; i += Lanes.Count)
        {
            var left = Math.Min(count - i, Lanes.Count);
            var a = (left == Lanes.Count ? Vector512.Load(x + i) : Lanes.LoadPart(x + i, left)) - centre;
            if (left < Lanes.Count && mean != 0)
            {
                var part = Vector512<float>.Zero;
                Lanes.StorePart(a, (float*)&part, left); // lanes beyond the run count for nothing
                a = part;
            }

            even = Lanes.Fma(a, a, even);
        }

        return Lanes.Sum(even + odd);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Apply(float* x, float* y, int count, float mean, float scale, float* weight, float* bias)
    {
        var (centre, factor) = (Vector512.Create(mean), Vector512.Create(scale));
        var i = 0;
        for (; i <= count - Lanes.Count; i += Lanes.Count)
        {
            var value = (Vector512.Load(x + i) - centre) * factor;
            value = weight == null ? value : value * Vector512.Load(weight + i);
            value = bias == null ? value : value + Vector512.Load(bias + i);
            value.Store(y + i);
        }

        for (; i < count; i++)
        {
            var value = (x[i] - mean) * scale;
            value = weight == null ? value : value * weight[i];
            y[i] = bias == null ? value : value + bias[i];
        }
    }
}
