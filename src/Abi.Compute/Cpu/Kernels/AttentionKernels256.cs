using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using Abi.Compute.Devices;

namespace Abi.Compute.Cpu.Kernels;

/// <summary>The products of <see cref="AttentionKernels"/> where registers are narrower: four queries × 16 positions or columns are eight sums of 256 bits, and the chains of additions are the same.</summary>
internal static unsafe class AttentionKernels256
{
    private const int Page = StateStore.PageLength;
    private const int SpanLength = AttentionKernels.SpanLength;
    private const int Line = 64; // bytes of a cache line
    private const int Width = 16; // floats that are computed together

    /// <summary><see cref="AttentionKernels.Score"/>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Score(float** queries, int count, float* keys, int keySize, float* scores, byte* ahead)
    {
        var q = 0;
        for (; q <= count - 4; q += 4)
        {
            Score4(queries + q, keys, keySize, scores + (q * SpanLength), scores + ((q + 1) * SpanLength), scores + ((q + 2) * SpanLength), scores + ((q + 3) * SpanLength), ahead);
            ahead = (byte*)keys;
        }

        if (count - q > 1)
        {
            // two or three together, the last one as often as there is room
            var (second, last) = (Math.Min(q + 1, count - 1), count - 1);
            var rest = stackalloc float*[4] { queries[q], queries[second], queries[last], queries[last] };
            Score4(rest, keys, keySize, scores + (q * SpanLength), scores + (second * SpanLength), scores + (last * SpanLength), scores + (last * SpanLength), ahead);
        }
        else if (q < count)
        {
            Score1(queries[q], keys, keySize, scores + (q * SpanLength), ahead);
        }
    }

    /// <summary><see cref="AttentionKernels.Accumulate"/>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Accumulate(float* weights, int count, int from, int end, float* values, int stride, float* sums, byte* ahead)
    {
        var q = 0;
        for (; q <= count - 4; q += 4)
        {
            for (var column = 0; column < stride; column += Width)
            {
                Accumulate4(weights + (q * SpanLength), from, end, values + column, stride, sums + (q * stride) + column, ahead);
                ahead = q == 0 ? ahead + ((end - from) * Line) : (byte*)values;
            }
        }

        for (; q < count; q++)
        {
            var column = 0;
            for (; column <= stride - (4 * Width); column += 4 * Width)
            {
                Accumulate1(weights + (q * SpanLength), from, end, values + column, stride, sums + (q * stride) + column, ahead);
                ahead = q == 0 ? ahead + ((end - from) * 2 * Line) : (byte*)values;
            }

            for (; column < stride; column += Width)
            {
                AccumulateRest(weights + (q * SpanLength), from, end, values + column, stride, sums + (q * stride) + column);
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Score4(float** queries, float* keys, int keySize, float* scores0, float* scores1, float* scores2, float* scores3, byte* ahead)
    {
        for (var half = 0; half < Page; half += Width)
        {
            var q0 = queries[0];
            var q1 = queries[1];
            var q2 = queries[2];
            var q3 = queries[3];
            Vector256<float> a0 = default, a1 = default, b0 = default, b1 = default, c0 = default, c1 = default, d0 = default, d1 = default;
            var k = keys + half;
            for (var i = 0; i < keySize; i++, k += Page, ahead += Line)
            {
                Prefetch(ahead);
                var (k0, k1) = (Vector256.Load(k), Vector256.Load(k + 8));
                var x = Vector256.Create(q0[i]);
                a0 = Vector256.FusedMultiplyAdd(x, k0, a0);
                a1 = Vector256.FusedMultiplyAdd(x, k1, a1);
                x = Vector256.Create(q1[i]);
                b0 = Vector256.FusedMultiplyAdd(x, k0, b0);
                b1 = Vector256.FusedMultiplyAdd(x, k1, b1);
                x = Vector256.Create(q2[i]);
                c0 = Vector256.FusedMultiplyAdd(x, k0, c0);
                c1 = Vector256.FusedMultiplyAdd(x, k1, c1);
                x = Vector256.Create(q3[i]);
                d0 = Vector256.FusedMultiplyAdd(x, k0, d0);
                d1 = Vector256.FusedMultiplyAdd(x, k1, d1);
            }

            a0.Store(scores0 + half);
            a1.Store(scores0 + half + 8);
            b0.Store(scores1 + half);
            b1.Store(scores1 + half + 8);
            c0.Store(scores2 + half);
            c1.Store(scores2 + half + 8);
            d0.Store(scores3 + half);
            d1.Store(scores3 + half + 8);
            ahead = (byte*)keys;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Score1(float* query, float* keys, int keySize, float* scores, byte* ahead)
    {
        Vector256<float> a0 = default, a1 = default, a2 = default, a3 = default;
        for (var i = 0; i < keySize; i++, keys += Page, ahead += Line)
        {
            Prefetch(ahead);
            var x = Vector256.Create(query[i]);
            a0 = Vector256.FusedMultiplyAdd(x, Vector256.Load(keys), a0);
            a1 = Vector256.FusedMultiplyAdd(x, Vector256.Load(keys + 8), a1);
            a2 = Vector256.FusedMultiplyAdd(x, Vector256.Load(keys + 16), a2);
            a3 = Vector256.FusedMultiplyAdd(x, Vector256.Load(keys + 24), a3);
        }

        a0.Store(scores);
        a1.Store(scores + 8);
        a2.Store(scores + 16);
        a3.Store(scores + 24);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Accumulate4(float* weights, int from, int end, float* values, int stride, float* sums, byte* ahead)
    {
        var s0 = sums;
        var s1 = sums + stride;
        var s2 = sums + (2 * stride);
        var s3 = sums + (3 * stride);
        var (a0, a1) = (Vector256.Load(s0), Vector256.Load(s0 + 8));
        var (b0, b1) = (Vector256.Load(s1), Vector256.Load(s1 + 8));
        var (c0, c1) = (Vector256.Load(s2), Vector256.Load(s2 + 8));
        var (d0, d1) = (Vector256.Load(s3), Vector256.Load(s3 + 8));
        var value = values + (from * stride);
        var last = weights + end;
        for (var w = weights + from; w < last; w++, value += stride, ahead += Line)
        {
            Prefetch(ahead);
            var (v0, v1) = (Vector256.Load(value), Vector256.Load(value + 8));
            var x = Vector256.Create(w[0]);
            a0 = Vector256.FusedMultiplyAdd(x, v0, a0);
            a1 = Vector256.FusedMultiplyAdd(x, v1, a1);
            x = Vector256.Create(w[SpanLength]);
            b0 = Vector256.FusedMultiplyAdd(x, v0, b0);
            b1 = Vector256.FusedMultiplyAdd(x, v1, b1);
            x = Vector256.Create(w[2 * SpanLength]);
            c0 = Vector256.FusedMultiplyAdd(x, v0, c0);
            c1 = Vector256.FusedMultiplyAdd(x, v1, c1);
            x = Vector256.Create(w[3 * SpanLength]);
            d0 = Vector256.FusedMultiplyAdd(x, v0, d0);
            d1 = Vector256.FusedMultiplyAdd(x, v1, d1);
        }

        a0.Store(s0);
        a1.Store(s0 + 8);
        b0.Store(s1);
        b1.Store(s1 + 8);
        c0.Store(s2);
        c1.Store(s2 + 8);
        d0.Store(s3);
        d1.Store(s3 + 8);
    }

    /// <summary>One query × 64 columns.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Accumulate1(float* weights, int from, int end, float* values, int stride, float* sums, byte* ahead)
    {
        var (a0, a1, a2, a3) = (Vector256.Load(sums), Vector256.Load(sums + 8), Vector256.Load(sums + 16), Vector256.Load(sums + 24));
        var (a4, a5, a6, a7) = (Vector256.Load(sums + 32), Vector256.Load(sums + 40), Vector256.Load(sums + 48), Vector256.Load(sums + 56));
        for (var p = from; p < end; p++, ahead += 2 * Line)
        {
            Prefetch(ahead);
            Prefetch(ahead + Line);
            var w = Vector256.Create(weights[p]);
            var v = values + (p * stride);
            a0 = Vector256.FusedMultiplyAdd(w, Vector256.Load(v), a0);
            a1 = Vector256.FusedMultiplyAdd(w, Vector256.Load(v + 8), a1);
            a2 = Vector256.FusedMultiplyAdd(w, Vector256.Load(v + 16), a2);
            a3 = Vector256.FusedMultiplyAdd(w, Vector256.Load(v + 24), a3);
            a4 = Vector256.FusedMultiplyAdd(w, Vector256.Load(v + 32), a4);
            a5 = Vector256.FusedMultiplyAdd(w, Vector256.Load(v + 40), a5);
            a6 = Vector256.FusedMultiplyAdd(w, Vector256.Load(v + 48), a6);
            a7 = Vector256.FusedMultiplyAdd(w, Vector256.Load(v + 56), a7);
        }

        a0.Store(sums);
        a1.Store(sums + 8);
        a2.Store(sums + 16);
        a3.Store(sums + 24);
        a4.Store(sums + 32);
        a5.Store(sums + 40);
        a6.Store(sums + 48);
        a7.Store(sums + 56);
    }

    /// <summary>One query × 16 columns.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void AccumulateRest(float* weights, int from, int end, float* values, int stride, float* sums)
    {
        var (a0, a1) = (Vector256.Load(sums), Vector256.Load(sums + 8));
        for (var p = from; p < end; p++)
        {
            var w = Vector256.Create(weights[p]);
            a0 = Vector256.FusedMultiplyAdd(w, Vector256.Load(values + (p * stride)), a0);
            a1 = Vector256.FusedMultiplyAdd(w, Vector256.Load(values + (p * stride) + 8), a1);
        }

        a0.Store(sums);
        a1.Store(sums + 8);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Prefetch(byte* line)
    {
        if (Sse.IsSupported)
        {
            Sse.Prefetch1(line);
        }
    }
}
