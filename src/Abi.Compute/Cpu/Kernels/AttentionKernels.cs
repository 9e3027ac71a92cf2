using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using Abi.Compute.Devices;

namespace Abi.Compute.Cpu.Kernels;

/// <summary>
/// The two products of attention over one page of 32 positions. A score is one chain of fused multiply-adds over the columns of the key, an output one over positions, both
/// ascending, so neither depends on how many queries are computed together.
/// </summary>
internal static unsafe class AttentionKernels
{
    /// <summary>The queries that are computed together where there are as many.</summary>
    public const int Tile = 8;

    /// <summary>The positions of a span: scores of one query lie so many floats from the next one's.</summary>
    public const int SpanLength = SpanPages * Page;

    /// <summary>The pages of a span.</summary>
    public const int SpanPages = 8;

    private const int Page = StateStore.PageLength;
    private const int Line = 64; // bytes of a cache line

    /// <summary>Packs queries column by column, [eights, keySize, 8]; what is behind the last query of the last eight is not written.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Pack(float** queries, int count, int keySize, float* packed)
    {
        for (var q = 0; q < count; q += Tile)
        {
            for (var j = 0; j < Math.Min(Tile, count - q); j++)
            {
                var (from, to) = ((nint)queries[q + j], (nint)(packed + (q * keySize) + j));
                for (var i = 0; i < keySize; i++)
                {
                    ((float*)to)[i * Tile] = ((float*)from)[i];
                }
            }
        }
    }

    /// <summary><c>scores[q][p] = queries[q] · keys[·][p]</c>.</summary>
    /// <param name="queries">[count] pointers to [keySize].</param>
    /// <param name="count">The number of queries.</param>
    /// <param name="keys">[keySize, 32].</param>
    /// <param name="keySize">The columns of a key.</param>
    /// <param name="packed">The same queries, as <see cref="Pack"/> leaves them.</param>
    /// <param name="scores">The page's part of [count, 256].</param>
    /// <param name="ahead">What is read soon: a line of 64 bytes of it is asked for with each column. Memory that jumps from page to page is not foreseen by the hardware.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Score(float** queries, int count, float* packed, float* keys, int keySize, float* scores, byte* ahead)
    {
        if (!Avx512F.IsSupported)
        {
            AttentionKernels256.Score(queries, count, keys, keySize, scores, ahead);
            return;
        }

        var q = 0;
        for (; q <= count - Tile; q += Tile)
        {
            Score8(packed + (q * keySize), keys, keySize, scores + (q * SpanLength), ahead);
            ahead = (byte*)keys;
        }

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
            return;
        }

        for (; q < count; q++)
        {
            Score1(queries[q], keys, keySize, scores + (q * SpanLength), ahead);
            ahead = (byte*)keys;
        }
    }

    /// <summary><c>sums[q][c] += Σ weights[q][p] values[p][c]</c> over positions [from, end).</summary>
    /// <param name="weights">The page's part of [count, 256].</param>
    /// <param name="count">The number of queries.</param>
    /// <param name="from">The first position.</param>
    /// <param name="end">The position after the last.</param>
    /// <param name="values">[32, stride].</param>
    /// <param name="stride">The columns of a value, a multiple of 16.</param>
    /// <param name="sums">[count, stride].</param>
    /// <param name="ahead">What is read soon.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Accumulate(float* weights, int count, int from, int end, float* values, int stride, float* sums, byte* ahead)
    {
        if (!Avx512F.IsSupported)
        {
            AttentionKernels256.Accumulate(weights, count, from, end, values, stride, sums, ahead);
            return;
        }

        var q = 0;
        if (stride % (2 * Lanes.Count) == 0)
        {
            for (; q <= count - Tile; q += Tile)
            {
                for (var column = 0; column < stride; column += 2 * Lanes.Count)
                {
                    Accumulate8x2(weights + (q * SpanLength), from, end, values + column, stride, sums + (q * stride) + column, ahead);
                    ahead = q == 0 ? ahead + ((end - from) * Line) : (byte*)values;
                }
            }
        }

        for (; q <= count - 4; q += 4)
        {
            var column = 0;
            for (; column <= stride - (2 * Lanes.Count); column += 2 * Lanes.Count)
            {
                Accumulate4x2(weights + (q * SpanLength), from, end, values + column, stride, sums + (q * stride) + column, ahead);
                ahead = q == 0 ? ahead + ((end - from) * Line) : (byte*)values;
            }

            for (; column < stride; column += Lanes.Count)
            {
                for (var i = 0; i < 4; i++)
                {
                    Accumulate1(weights + ((q + i) * SpanLength), from, end, values + column, stride, sums + ((q + i) * stride) + column);
                }
            }
        }

        for (; q < count; q++)
        {
            var column = 0;
            for (; column <= stride - (4 * Lanes.Count); column += 4 * Lanes.Count)
            {
                Accumulate1x4(weights + (q * SpanLength), from, end, values + column, stride, sums + (q * stride) + column, ahead);
                ahead = q == 0 ? ahead + ((end - from) * 2 * Line) : (byte*)values;
            }

            for (; column < stride; column += Lanes.Count)
            {
                Accumulate1(weights + (q * SpanLength), from, end, values + column, stride, sums + (q * stride) + column);
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Score8(float* packed, float* keys, int keySize, float* scores, byte* ahead)
    {
        Vector512<float> s00 = default, s01 = default, s10 = default, s11 = default;
        Vector512<float> s20 = default, s21 = default, s30 = default, s31 = default;
        Vector512<float> s40 = default, s41 = default, s50 = default, s51 = default;
        Vector512<float> s60 = default, s61 = default, s70 = default, s71 = default;
        var end = packed + (keySize * Tile);
        for (; packed < end; packed += Tile, keys += Page, ahead += Line)
        {
            Prefetch(ahead);
            var k0 = Vector512.Load(keys);
            var k1 = Vector512.Load(keys + Lanes.Count);
            var x = Vector512.Create(packed[0]);
            s00 = Lanes.Fma(x, k0, s00);
            s01 = Lanes.Fma(x, k1, s01);
            x = Vector512.Create(packed[1]);
            s10 = Lanes.Fma(x, k0, s10);
            s11 = Lanes.Fma(x, k1, s11);
            x = Vector512.Create(packed[2]);
            s20 = Lanes.Fma(x, k0, s20);
            s21 = Lanes.Fma(x, k1, s21);
            x = Vector512.Create(packed[3]);
            s30 = Lanes.Fma(x, k0, s30);
            s31 = Lanes.Fma(x, k1, s31);
            x = Vector512.Create(packed[4]);
            s40 = Lanes.Fma(x, k0, s40);
            s41 = Lanes.Fma(x, k1, s41);
            x = Vector512.Create(packed[5]);
            s50 = Lanes.Fma(x, k0, s50);
            s51 = Lanes.Fma(x, k1, s51);
            x = Vector512.Create(packed[6]);
            s60 = Lanes.Fma(x, k0, s60);
            s61 = Lanes.Fma(x, k1, s61);
            x = Vector512.Create(packed[7]);
            s70 = Lanes.Fma(x, k0, s70);
            s71 = Lanes.Fma(x, k1, s71);
        }

        s00.Store(scores);
        s01.Store(scores + Lanes.Count);
        s10.Store(scores + (1 * SpanLength));
        s11.Store(scores + (1 * SpanLength) + Lanes.Count);
        s20.Store(scores + (2 * SpanLength));
        s21.Store(scores + (2 * SpanLength) + Lanes.Count);
        s30.Store(scores + (3 * SpanLength));
        s31.Store(scores + (3 * SpanLength) + Lanes.Count);
        s40.Store(scores + (4 * SpanLength));
        s41.Store(scores + (4 * SpanLength) + Lanes.Count);
        s50.Store(scores + (5 * SpanLength));
        s51.Store(scores + (5 * SpanLength) + Lanes.Count);
        s60.Store(scores + (6 * SpanLength));
        s61.Store(scores + (6 * SpanLength) + Lanes.Count);
        s70.Store(scores + (7 * SpanLength));
        s71.Store(scores + (7 * SpanLength) + Lanes.Count);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Score4(float** queries, float* keys, int keySize, float* scores0, float* scores1, float* scores2, float* scores3, byte* ahead)
    {
        var q0 = queries[0];
        var q1 = queries[1];
        var q2 = queries[2];
        var q3 = queries[3];
        Vector512<float> a0 = default, a1 = default, b0 = default, b1 = default, c0 = default, c1 = default, d0 = default, d1 = default;
        for (var i = 0; i < keySize; i++, ahead += Line)
        {
            Prefetch(ahead);
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

        a0.Store(scores0);
        a1.Store(scores0 + Lanes.Count);
        b0.Store(scores1);
        b1.Store(scores1 + Lanes.Count);
        c0.Store(scores2);
        c1.Store(scores2 + Lanes.Count);
        d0.Store(scores3);
        d1.Store(scores3 + Lanes.Count);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Score1(float* query, float* keys, int keySize, float* scores, byte* ahead)
    {
        Vector512<float> a0 = default, a1 = default;
        for (var i = 0; i < keySize; i++, ahead += Line)
        {
            Prefetch(ahead);
            var x = Vector512.Create(query[i]);
            a0 = Lanes.Fma(x, Vector512.Load(keys + (i * Page)), a0);
            a1 = Lanes.Fma(x, Vector512.Load(keys + (i * Page) + Lanes.Count), a1);
        }

        a0.Store(scores);
        a1.Store(scores + Lanes.Count);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Accumulate8x2(float* weights, int from, int end, float* values, int stride, float* sums, byte* ahead)
    {
        var s0 = sums;
        var s1 = sums + stride;
        var s2 = sums + (2 * stride);
        var s3 = sums + (3 * stride);
        var s4 = sums + (4 * stride);
        var s5 = sums + (5 * stride);
        var s6 = sums + (6 * stride);
        var s7 = sums + (7 * stride);
        var (a0, b0) = (Vector512.Load(s0), Vector512.Load(s0 + Lanes.Count));
        var (a1, b1) = (Vector512.Load(s1), Vector512.Load(s1 + Lanes.Count));
        var (a2, b2) = (Vector512.Load(s2), Vector512.Load(s2 + Lanes.Count));
        var (a3, b3) = (Vector512.Load(s3), Vector512.Load(s3 + Lanes.Count));
        var (a4, b4) = (Vector512.Load(s4), Vector512.Load(s4 + Lanes.Count));
        var (a5, b5) = (Vector512.Load(s5), Vector512.Load(s5 + Lanes.Count));
        var (a6, b6) = (Vector512.Load(s6), Vector512.Load(s6 + Lanes.Count));
        var (a7, b7) = (Vector512.Load(s7), Vector512.Load(s7 + Lanes.Count));
        var value = values + (from * stride);
        var last = weights + end;
        for (var w = weights + from; w < last; w++, value += stride, ahead += Line)
        {
            Prefetch(ahead);
            var v0 = Vector512.Load(value);
            var v1 = Vector512.Load(value + Lanes.Count);
            var x = Vector512.Create(w[0]);
            a0 = Lanes.Fma(x, v0, a0);
            b0 = Lanes.Fma(x, v1, b0);
            x = Vector512.Create(w[SpanLength]);
            a1 = Lanes.Fma(x, v0, a1);
            b1 = Lanes.Fma(x, v1, b1);
            x = Vector512.Create(w[2 * SpanLength]);
            a2 = Lanes.Fma(x, v0, a2);
            b2 = Lanes.Fma(x, v1, b2);
            x = Vector512.Create(w[3 * SpanLength]);
            a3 = Lanes.Fma(x, v0, a3);
            b3 = Lanes.Fma(x, v1, b3);
            x = Vector512.Create(w[4 * SpanLength]);
            a4 = Lanes.Fma(x, v0, a4);
            b4 = Lanes.Fma(x, v1, b4);
            x = Vector512.Create(w[5 * SpanLength]);
            a5 = Lanes.Fma(x, v0, a5);
            b5 = Lanes.Fma(x, v1, b5);
            x = Vector512.Create(w[6 * SpanLength]);
            a6 = Lanes.Fma(x, v0, a6);
            b6 = Lanes.Fma(x, v1, b6);
            x = Vector512.Create(w[7 * SpanLength]);
            a7 = Lanes.Fma(x, v0, a7);
            b7 = Lanes.Fma(x, v1, b7);
        }

        a0.Store(s0);
        b0.Store(s0 + Lanes.Count);
        a1.Store(s1);
        b1.Store(s1 + Lanes.Count);
        a2.Store(s2);
        b2.Store(s2 + Lanes.Count);
        a3.Store(s3);
        b3.Store(s3 + Lanes.Count);
        a4.Store(s4);
        b4.Store(s4 + Lanes.Count);
        a5.Store(s5);
        b5.Store(s5 + Lanes.Count);
        a6.Store(s6);
        b6.Store(s6 + Lanes.Count);
        a7.Store(s7);
        b7.Store(s7 + Lanes.Count);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Accumulate4x2(float* weights, int from, int end, float* values, int stride, float* sums, byte* ahead)
    {
        var s0 = sums;
        var s1 = sums + stride;
        var s2 = sums + (2 * stride);
        var s3 = sums + (3 * stride);
        var (a0, a1) = (Vector512.Load(s0), Vector512.Load(s0 + Lanes.Count));
        var (b0, b1) = (Vector512.Load(s1), Vector512.Load(s1 + Lanes.Count));
        var (c0, c1) = (Vector512.Load(s2), Vector512.Load(s2 + Lanes.Count));
        var (d0, d1) = (Vector512.Load(s3), Vector512.Load(s3 + Lanes.Count));
        for (var p = from; p < end; p++, ahead += Line)
        {
            Prefetch(ahead);
            var v0 = Vector512.Load(values + (p * stride));
            var v1 = Vector512.Load(values + (p * stride) + Lanes.Count);
            var w = Vector512.Create(weights[p]);
            a0 = Lanes.Fma(w, v0, a0);
            a1 = Lanes.Fma(w, v1, a1);
            w = Vector512.Create(weights[p + SpanLength]);
            b0 = Lanes.Fma(w, v0, b0);
            b1 = Lanes.Fma(w, v1, b1);
            w = Vector512.Create(weights[p + (2 * SpanLength)]);
            c0 = Lanes.Fma(w, v0, c0);
            c1 = Lanes.Fma(w, v1, c1);
            w = Vector512.Create(weights[p + (3 * SpanLength)]);
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

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Accumulate1x4(float* weights, int from, int end, float* values, int stride, float* sums, byte* ahead)
    {
        var (a, b) = (Vector512.Load(sums), Vector512.Load(sums + Lanes.Count));
        var (c, d) = (Vector512.Load(sums + (2 * Lanes.Count)), Vector512.Load(sums + (3 * Lanes.Count)));
        for (var p = from; p < end; p++, ahead += 2 * Line)
        {
            Prefetch(ahead);
            Prefetch(ahead + Line);
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

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Accumulate1(float* weights, int from, int end, float* values, int stride, float* sums)
    {
        var a = Vector512.Load(sums);
        for (var p = from; p < end; p++)
        {
            a = Lanes.Fma(Vector512.Create(weights[p]), Vector512.Load(values + (p * stride)), a);
        }

        a.Store(sums);
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
