using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Abi.Compute.Devices;

namespace Abi.Compute.Cpu.Kernels;

/// <summary>A softmax over pages of scores that keeps only the greatest score, the sum of the weights and the weighted sum of values so far (paper: Milakov and Gimelshein 2018).</summary>
internal static unsafe class OnlineSoftmax
{
    private const int Page = StateStore.PageLength;

    /// <summary>Turns the scores of positions [from, end) of a page into weights, zero elsewhere, and rescales what was summed before when a greater score comes.</summary>
    /// <param name="scores">[32]; the weights at the end.</param>
    /// <param name="from">The first visible position of the page.</param>
    /// <param name="end">The position after the last visible one.</param>
    /// <param name="greatest">The greatest score so far.</param>
    /// <param name="sum">The sum of weights so far.</param>
    /// <param name="sums">The weighted sum of values so far: [stride].</param>
    /// <param name="stride">A multiple of 16.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Update(float* scores, int from, int end, ref float greatest, ref float sum, float* sums, int stride)
    {
        var (s0, s1) = (Vector512.Load(scores), Vector512.Load(scores + Lanes.Count));
        if (from > 0 || end < Page)
        {
            var positions = Vector512<int>.Indices;
            s0 = Mask(s0, positions, from, end);
            s1 = Mask(s1, positions + Vector512.Create(Lanes.Count), from, end);
        }

        var pageGreatest = Lanes.Max(Vector512.MaxNative(s0, s1));
        if (pageGreatest > greatest)
        {
            Rescale(Exponential.Exp(greatest - pageGreatest), ref sum, sums, stride);
            greatest = pageGreatest;
        }

        var offset = Vector512.Create(greatest);
        var (w0, w1) = (Exponential.Exp(s0 - offset), Exponential.Exp(s1 - offset));
        w0.Store(scores);
        w1.Store(scores + Lanes.Count);
        sum += Lanes.Sum(w0 + w1);
    }

    /// <summary><see cref="Update"/> of [count] queries that see the same positions, their scores times <paramref name="scale"/>: scores [count, 32], sums [count, stride].</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void UpdateScaled(float* scores, int count, float scale, int from, int end, float* greatest, float* sum, float* sums, int stride)
    {
        var factor = Vector512.Create(scale);
        var isWhole = from == 0 && end == Page;
        for (var q = 0; q < count; q++)
        {
            var s0 = Vector512.Load(scores + (q * Page)) * factor;
            var s1 = Vector512.Load(scores + (q * Page) + Lanes.Count) * factor;
            if (!isWhole)
            {
                s0 = Mask(s0, Vector512<int>.Indices, from, end);
                s1 = Mask(s1, Vector512<int>.Indices + Vector512.Create(Lanes.Count), from, end);
            }

            s0.Store(scores + (q * Page));
            s1.Store(scores + (q * Page) + Lanes.Count);
            var pageGreatest = Lanes.Max(Vector512.MaxNative(s0, s1));
            if (pageGreatest > greatest[q])
            {
                Rescale(Exponential.Exp(greatest[q] - pageGreatest), ref sum[q], sums + (q * stride), stride);
                greatest[q] = pageGreatest;
            }
        }

        // a loop of its own: without branches, several queries are under way at once
        for (var q = 0; q < count; q++, scores += Page)
        {
            var offset = Vector512.Create(greatest[q]);
            var w0 = Exponential.Exp(Vector512.Load(scores) - offset);
            var w1 = Exponential.Exp(Vector512.Load(scores + Lanes.Count) - offset);
            w0.Store(scores);
            w1.Store(scores + Lanes.Count);
            sum[q] += Lanes.Sum(w0 + w1);
        }
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

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<float> Mask(Vector512<float> scores, Vector512<int> positions, int from, int end)
    {
        var visible = Vector512.GreaterThanOrEqual(positions, Vector512.Create(from)) & Vector512.LessThan(positions, Vector512.Create(end));
        return Vector512.ConditionalSelect(visible.AsSingle(), scores, Vector512.Create(float.NegativeInfinity));
    }
}
