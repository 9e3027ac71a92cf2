using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Abi.Compute.Cpu.Kernels;

/// <summary>A softmax by spans of positions: each span has its greatest score, its sum of weights and its weighted sum of values, and later spans are merged into earlier ones (paper: Milakov and Gimelshein 2018).</summary>
internal static unsafe class OnlineSoftmax
{
    /// <summary>Turns the scores of positions [from, end) of a span, times <paramref name="scale"/>, into weights: e to the power of what they are below the greatest one.</summary>
    /// <param name="scores">[a multiple of 16]; the weights at the end. Up to the whole vectors around the range, what lies outside of it becomes zero.</param>
    /// <param name="from">The first visible position.</param>
    /// <param name="end">The position after the last visible one, at least one behind <paramref name="from"/>.</param>
    /// <param name="scale">Above zero.</param>
    /// <param name="greatest">The greatest score, scaled.</param>
    /// <param name="sum">The sum of weights: sixteen sums by position, then a fixed tree.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Weigh(float* scores, int from, int end, float scale, out float greatest, out float sum)
    {
        var first = scores + (from & -Lanes.Count);
        var last = scores + ((end + Lanes.Count - 1) & -Lanes.Count);
        for (var p = first; p < scores + from; p++)
        {
            *p = float.NegativeInfinity;
        }

        for (var p = scores + end; p < last; p++)
        {
            *p = float.NegativeInfinity;
        }

        // two vectors at a time, whose chains run beside each other
        var (most, second) = (Vector512.Load(first), Vector512.Load(last - Lanes.Count));
        var pairs = last - (2 * Lanes.Count);
        for (var p = first; p <= pairs; p += 2 * Lanes.Count)
        {
            most = Vector512.MaxNative(most, Vector512.Load(p));
            second = Vector512.MaxNative(second, Vector512.Load(p + Lanes.Count));
        }

        greatest = Lanes.Max(Vector512.MaxNative(most, second)) * scale;
        var (factor, offset) = (Vector512.Create(scale), Vector512.Create(-greatest));
        var sums = Vector512<float>.Zero;
        var at = first;
        for (; at <= pairs; at += 2 * Lanes.Count)
        {
            var weights = Exponential.Exp(Lanes.Fma(Vector512.Load(at), factor, offset));
            var next = Exponential.Exp(Lanes.Fma(Vector512.Load(at + Lanes.Count), factor, offset));
            weights.Store(at);
            next.Store(at + Lanes.Count);
            sums += weights;
            sums += next;
        }

        if (at < last)
        {
            var weights = Exponential.Exp(Lanes.Fma(Vector512.Load(at), factor, offset));
            weights.Store(at);
            sums += weights;
        }

        sum = Lanes.Sum(sums);
    }

    /// <summary>Adds one more score that has no value.</summary>
    public static void AddScore(float score, ref float greatest, ref float sum, float* sums, int stride)
    {
        if (score > greatest)
        {
            Rescale(Exponential.Exp(greatest - score), ref sum, sums, stride);
            greatest = score;
        }

        sum += Exponential.Exp(score - greatest);
    }

    /// <summary>Adds the result over later positions to the one over earlier ones.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Merge(ref float greatest, ref float sum, float* sums, float laterGreatest, float laterSum, float* laterSums, int stride)
    {
        if (laterGreatest > greatest)
        {
            Rescale(Exponential.Exp(greatest - laterGreatest), ref sum, sums, stride);
            greatest = laterGreatest;
        }

        var factor = Exponential.Exp(laterGreatest - greatest);
        sum = MathF.FusedMultiplyAdd(laterSum, factor, sum);
        for (var i = 0; i < stride; i += Lanes.Count)
        {
            Lanes.Fma(Vector512.Load(laterSums + i), Vector512.Create(factor), Vector512.Load(sums + i)).Store(sums + i);
        }
    }

    /// <summary>Divides by the sum: <paramref name="y"/> is [count].</summary>
    public static void Finish(float sum, float* sums, float* y, int count) => ElementKernels.Map(sums, y, count, new DivideLanes(sum));

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Rescale(float factor, ref float sum, float* sums, int stride)
    {
        sum *= factor;
        for (var i = 0; i < stride; i += Lanes.Count)
        {
            (Vector512.Load(sums + i) * Vector512.Create(factor)).Store(sums + i);
        }
    }
}
