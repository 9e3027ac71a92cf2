using System.Runtime.Intrinsics;
using Abi.Compute.Devices;

namespace Abi.Compute.Cpu.Kernels;

/// <summary>
/// The two products of attention over one page of 32 positions. A score is one chain of fused multiply-adds over the columns of the key, an output one over positions, both
/// ascending, so neither depends on how many queries are computed together.
/// </summary>
internal static unsafe class AttentionKernels
{
    private const int Page = StateStore.PageLength;

    /// <summary><c>scores[q][p] = queries[q] · keys[·][p]</c>.</summary>
    /// <param name="queries">[count] pointers to [keySize].</param>
    /// <param name="count">The number of queries.</param>
    /// <param name="keys">[keySize, 32].</param>
    /// <param name="keySize">The columns of a key.</param>
    /// <param name="scores">[count, 32].</param>
    public static void Score(float** queries, int count, float* keys, int keySize, float* scores)
    {
        var q = 0;
        for (; q <= count - 4; q += 4)
        {
            Score4(queries + q, keys, keySize, scores + (q * Page));
        }

        for (; q < count; q++)
        {
            Score1(queries[q], keys, keySize, scores + (q * Page));
        }
    }

    /// <summary><c>sums[q][c] += Σ weights[q][p] values[p][c]</c> over positions [from, end).</summary>
    /// <param name="weights">[count, 32].</param>
    /// <param name="count">The number of queries.</param>
    /// <param name="from">The first position.</param>
    /// <param name="end">The position after the last.</param>
    /// <param name="values">[32, stride].</param>
    /// <param name="stride">The columns of a value, a multiple of 16.</param>
    /// <param name="sums">[count, stride].</param>
    public static void Accumulate(float* weights, int count, int from, int end, float* values, int stride, float* sums)
    {
        var q = 0;
        for (; q <= count - 4; q += 4)
        {
            var column = 0;
            for (; column <= stride - (2 * Lanes.Count); column += 2 * Lanes.Count)
            {
                Accumulate4x2(weights + (q * Page), from, end, values + column, stride, sums + (q * stride) + column);
            }

            for (; column < stride; column += Lanes.Count)
            {
                for (var i = 0; i < 4; i++)
                {
                    Accumulate1(weights + ((q + i) * Page), from, end, values + column, stride, sums + ((q + i) * stride) + column);
                }
            }
        }

        for (; q < count; q++)
        {
            var column = 0;
            for (; column <= stride - (4 * Lanes.Count); column += 4 * Lanes.Count)
            {
                Accumulate1x4(weights + (q * Page), from, end, values + column, stride, sums + (q * stride) + column);
            }

            for (; column < stride; column += Lanes.Count)
            {
                Accumulate1(weights + (q * Page), from, end, values + column, stride, sums + (q * stride) + column);
            }
        }
    }

    private static void Score4(float** queries, float* keys, int keySize, float* scores)
    {
        var q0 = queries[0];
        var q1 = queries[1];
        var q2 = queries[2];
        var q3 = queries[3];
        Vector512<float> a0 = default, a1 = default, b0 = default, b1 = default, c0 = default, c1 = default, d0 = default, d1 = default;
        for (var i = 0; i < keySize; i++)
        {
            var k0 = Vector512.Load(keys + (i * Page));
            var k1 = Vector512.Load(keys + (i * Page) + Lanes.Count);
            var x = Vector512.Create(q0[i]);
            a0 = Lanes.Fma(x, k0, a0);
            a1 = Lanes.Fma(x, k1, a1);
            x = Vector512.Create(q1[i]);
            b0 = Lanes.Fma(x, k0, b0);
            b1 = Lanes.Fma(x, k1, b1);
            x = Vector512.Create(q2[i]);
            c0 = Lanes.Fma(x, k0, c0);
            c1 = Lanes.Fma(x, k1, c1);
            x = Vector512.Create(q3[i]);
            d0 = Lanes.Fma(x, k0, d0);
            d1 = Lanes.Fma(x, k1, d1);
        }

        a0.Store(scores);
        a1.Store(scores + Lanes.Count);
        b0.Store(scores + Page);
        b1.Store(scores + Page + Lanes.Count);
        c0.Store(scores + (2 * Page));
        c1.Store(scores + (2 * Page) + Lanes.Count);
        d0.Store(scores + (3 * Page));
        d1.Store(scores + (3 * Page) + Lanes.Count);
    }

    private static void Score1(float* query, float* keys, int keySize, float* scores)
    {
        Vector512<float> a0 = default, a1 = default;
        for (var i = 0; i < keySize; i++)
        {
            var x = Vector512.Create(query[i]);
            a0 = Lanes.Fma(x, Vector512.Load(keys + (i * Page)), a0);
            a1 = Lanes.Fma(x, Vector512.Load(keys + (i * Page) + Lanes.Count), a1);
        }

        a0.Store(scores);
        a1.Store(scores + Lanes.Count);
    }

    private static void Accumulate4x2(float* weights, int from, int end, float* values, int stride, float* sums)
    {
        var s0 = sums;
        var s1 = sums + stride;
        var s2 = sums + (2 * stride);
        var s3 = sums + (3 * stride);
        var (a0, a1) = (Vector512.Load(s0), Vector512.Load(s0 + Lanes.Count));
        var (b0, b1) = (Vector512.Load(s1), Vector512.Load(s1 + Lanes.Count));
        var (c0, c1) = (Vector512.Load(s2), Vector512.Load(s2 + Lanes.Count));
        var (d0, d1) = (Vector512.Load(s3), Vector512.Load(s3 + Lanes.Count));
        for (var p = from; p < end; p++)
        {
            var v0 = Vector512.Load(values + (p * stride));
            var v1 = Vector512.Load(values + (p * stride) + Lanes.Count);
            var w = Vector512.Create(weights[p]);
            a0 = Lanes.Fma(w, v0, a0);
            a1 = Lanes.Fma(w, v1, a1);
            w = Vector512.Create(weights[p + Page]);
            b0 = Lanes.Fma(w, v0, b0);
            b1 = Lanes.Fma(w, v1, b1);
            w = Vector512.Create(weights[p + (2 * Page)]);
            c0 = Lanes.Fma(w, v0, c0);
            c1 = Lanes.Fma(w, v1, c1);
            w = Vector512.Create(weights[p + (3 * Page)]);
            d0 = Lanes.Fma(w, v0, d0);
            d1 = Lanes.Fma(w, v1, d1);
        }

        a0.Store(s0);
        a1.Store(s0 + Lanes.Count);
        b0.Store(s1);
        b1.Store(s1 + Lanes.Count);
        c0.Store(s2);
        c1.Store(s2 + Lanes.Count);
        d0.Store(s3);
        d1.Store(s3 + Lanes.Count);
    }

    private static void Accumulate1x4(float* weights, int from, int end, float* values, int stride, float* sums)
    {
        var (a, b) = (Vector512.Load(sums), Vector512.Load(sums + Lanes.Count));
        var (c, d) = (Vector512.Load(sums + (2 * Lanes.Count)), Vector512.Load(sums + (3 * Lanes.Count)));
        for (var p = from; p < end; p++)
        {
            var w = Vector512.Create(weights[p]);
            var v = values + (p * stride);
            a = Lanes.Fma(w, Vector512.Load(v), a);
            b = Lanes.Fma(w, Vector512.Load(v + Lanes.Count), b);
            c = Lanes.Fma(w, Vector512.Load(v + (2 * Lanes.Count)), c);
            d = Lanes.Fma(w, Vector512.Load(v + (3 * Lanes.Count)), d);
        }

        a.Store(sums);
        b.Store(sums + Lanes.Count);
        c.Store(sums + (2 * Lanes.Count));
        d.Store(sums + (3 * Lanes.Count));
    }

    private static void Accumulate1(float* weights, int from, int end, float* values, int stride, float* sums)
    {
        var a = Vector512.Load(sums);
        for (var p = from; p < end; p++)
        {
            a = Lanes.Fma(Vector512.Create(weights[p]), Vector512.Load(values + (p * stride)), a);
        }

        a.Store(sums);
    }
}
