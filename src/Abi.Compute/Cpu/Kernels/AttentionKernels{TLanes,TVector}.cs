using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics.X86;
using Abi.Compute.Devices;

namespace Abi.Compute.Cpu.Kernels;

/// <summary>
/// <see cref="AttentionKernels"/> for one width of registers. Four queries × two registers of positions or columns are eight sums, which hide the latency of a multiply-add; where there are 32 registers,
/// eight queries are sixteen.
/// </summary>
internal static unsafe class AttentionKernels<TLanes, TVector>
    where TLanes : struct, ILanes<TVector>
{
    private const int Page = StateStore.PageLength;
    private const int Tile = AttentionKernels.Tile;
    private const int SpanLength = AttentionKernels.SpanLength;
    private const int Line = 64; // bytes of a cache line
    private const int OneColumns = 64; // of a query alone

    /// <summary>The positions or columns of two registers.</summary>
    private static int Two
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => 2 * TLanes.Count;
    }

    /// <summary>Whether registers are narrow: half as many floats in each, and half as many of them.</summary>
    private static bool IsNarrow
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => TLanes.Count == 8;
    }

    /// <summary><see cref="AttentionKernels.Score"/>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Score(float** queries, int count, float* packed, float* keys, int keySize, float* scores, byte* ahead)
    {
        var q = 0;
        for (; !IsNarrow && q <= count - Tile; q += Tile)
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
        for (; !IsNarrow && stride % Two == 0 && q <= count - Tile; q += Tile)
        {
            for (var column = 0; column < stride; column += Two)
            {
                Accumulate8(weights + (q * SpanLength), from, end, values + column, stride, sums + (q * stride) + column, ahead);
                ahead = q == 0 ? ahead + ((end - from) * Line) : (byte*)values;
            }
        }

        for (; q <= count - 4; q += 4)
        {
            var column = 0;
            for (; column <= stride - Two; column += Two)
            {
                Accumulate4(weights + (q * SpanLength), from, end, values + column, stride, sums + (q * stride) + column, ahead);
                ahead = q == 0 ? ahead + ((end - from) * Line) : (byte*)values;
            }

            for (; column < stride; column += Lanes.Count)
            {
                for (var i = q; i < q + 4; i++)
                {
                    AccumulateRest(weights + (i * SpanLength), from, end, values + column, stride, sums + (i * stride) + column);
                }
            }
        }

        for (; q < count; q++)
        {
            var column = 0;
            for (; column <= stride - OneColumns; column += OneColumns)
            {
                Accumulate1(weights + (q * SpanLength), from, end, values + column, stride, sums + (q * stride) + column, ahead);
                ahead = q == 0 ? ahead + ((end - from) * 2 * Line) : (byte*)values;
            }

            for (; column < stride; column += Lanes.Count)
            {
                AccumulateRest(weights + (q * SpanLength), from, end, values + column, stride, sums + (q * stride) + column);
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Score8(float* packed, float* keys, int keySize, float* scores, byte* ahead)
    {
        var zero = TLanes.Create(0);
        TVector a0 = zero, a1 = zero, b0 = zero, b1 = zero, c0 = zero, c1 = zero, d0 = zero, d1 = zero;
        TVector e0 = zero, e1 = zero, f0 = zero, f1 = zero, g0 = zero, g1 = zero, h0 = zero, h1 = zero;
        for (var end = packed + (keySize * Tile); packed < end; packed += Tile, keys += Page, ahead += Line)
        {
            Prefetch(ahead);
            var (k0, k1) = Load(keys);
            Add(ref a0, ref a1, TLanes.Create(packed[0]), k0, k1);
            Add(ref b0, ref b1, TLanes.Create(packed[1]), k0, k1);
            Add(ref c0, ref c1, TLanes.Create(packed[2]), k0, k1);
            Add(ref d0, ref d1, TLanes.Create(packed[3]), k0, k1);
            Add(ref e0, ref e1, TLanes.Create(packed[4]), k0, k1);
            Add(ref f0, ref f1, TLanes.Create(packed[5]), k0, k1);
            Add(ref g0, ref g1, TLanes.Create(packed[6]), k0, k1);
            Add(ref h0, ref h1, TLanes.Create(packed[7]), k0, k1);
        }

        Store(a0, a1, scores);
        Store(b0, b1, scores + SpanLength);
        Store(c0, c1, scores + (2 * SpanLength));
        Store(d0, d1, scores + (3 * SpanLength));
        Store(e0, e1, scores + (4 * SpanLength));
        Store(f0, f1, scores + (5 * SpanLength));
        Store(g0, g1, scores + (6 * SpanLength));
        Store(h0, h1, scores + (7 * SpanLength));
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Score4(float** queries, float* keys, int keySize, float* scores0, float* scores1, float* scores2, float* scores3, byte* ahead)
    {
        for (var p = 0; p < Page; p += Two, ahead = (byte*)keys)
        {
            float* q0 = queries[0], q1 = queries[1], q2 = queries[2], q3 = queries[3];
            var zero = TLanes.Create(0);
            TVector a0 = zero, a1 = zero, b0 = zero, b1 = zero, c0 = zero, c1 = zero, d0 = zero, d1 = zero;
            var k = keys + p;
            for (var i = 0; i < keySize; i++, k += Page, ahead += Line)
            {
                Prefetch(ahead);
                var (k0, k1) = Load(k);
                Add(ref a0, ref a1, TLanes.Create(q0[i]), k0, k1);
                Add(ref b0, ref b1, TLanes.Create(q1[i]), k0, k1);
                Add(ref c0, ref c1, TLanes.Create(q2[i]), k0, k1);
                Add(ref d0, ref d1, TLanes.Create(q3[i]), k0, k1);
            }

            Store(a0, a1, scores0 + p);
            Store(b0, b1, scores1 + p);
            Store(c0, c1, scores2 + p);
            Store(d0, d1, scores3 + p);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Score1(float* query, float* keys, int keySize, float* scores, byte* ahead)
    {
        var zero = TLanes.Create(0);
        TVector a0 = zero, a1 = zero, a2 = zero, a3 = zero;
        for (var i = 0; i < keySize; i++, keys += Page, ahead += Line)
        {
            Prefetch(ahead);
            var x = TLanes.Create(query[i]);

            // what is used once is loaded where it is used, so that the load becomes part of the multiply-add
            a0 = TLanes.Fma(x, TLanes.Load(keys), a0);
            a1 = TLanes.Fma(x, TLanes.Load(keys + TLanes.Count), a1);
            if (IsNarrow)
            {
                a2 = TLanes.Fma(x, TLanes.Load(keys + Two), a2);
                a3 = TLanes.Fma(x, TLanes.Load(keys + Two + TLanes.Count), a3);
            }
        }

        Store(a0, a1, scores);
        if (IsNarrow)
        {
            Store(a2, a3, scores + Two);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Accumulate8(float* weights, int from, int end, float* values, int stride, float* sums, byte* ahead)
    {
        float* s0 = sums, s1 = sums + stride, s2 = sums + (2 * stride), s3 = sums + (3 * stride);
        float* s4 = sums + (4 * stride), s5 = sums + (5 * stride), s6 = sums + (6 * stride), s7 = sums + (7 * stride);
        var (a0, a1) = Load(s0);
        var (b0, b1) = Load(s1);
        var (c0, c1) = Load(s2);
        var (d0, d1) = Load(s3);
        var (e0, e1) = Load(s4);
        var (f0, f1) = Load(s5);
        var (g0, g1) = Load(s6);
        var (h0, h1) = Load(s7);
        var value = values + (from * stride);
        var last = weights + end;
        for (var w = weights + from; w < last; w++, value += stride, ahead += Line)
        {
            Prefetch(ahead);
            var (v0, v1) = Load(value);
            Add(ref a0, ref a1, TLanes.Create(w[0]), v0, v1);
            Add(ref b0, ref b1, TLanes.Create(w[SpanLength]), v0, v1);
            Add(ref c0, ref c1, TLanes.Create(w[2 * SpanLength]), v0, v1);
            Add(ref d0, ref d1, TLanes.Create(w[3 * SpanLength]), v0, v1);
            Add(ref e0, ref e1, TLanes.Create(w[4 * SpanLength]), v0, v1);
            Add(ref f0, ref f1, TLanes.Create(w[5 * SpanLength]), v0, v1);
            Add(ref g0, ref g1, TLanes.Create(w[6 * SpanLength]), v0, v1);
            Add(ref h0, ref h1, TLanes.Create(w[7 * SpanLength]), v0, v1);
        }

        Store(a0, a1, s0);
        Store(b0, b1, s1);
        Store(c0, c1, s2);
        Store(d0, d1, s3);
        Store(e0, e1, s4);
        Store(f0, f1, s5);
        Store(g0, g1, s6);
        Store(h0, h1, s7);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Accumulate4(float* weights, int from, int end, float* values, int stride, float* sums, byte* ahead)
    {
        float* s0 = sums, s1 = sums + stride, s2 = sums + (2 * stride), s3 = sums + (3 * stride);
        var (a0, a1) = Load(s0);
        var (b0, b1) = Load(s1);
        var (c0, c1) = Load(s2);
        var (d0, d1) = Load(s3);
        var value = values + (from * stride);
        var last = weights + end;
        for (var w = weights + from; w < last; w++, value += stride, ahead += Line)
        {
            Prefetch(ahead);
            var (v0, v1) = Load(value);
            Add(ref a0, ref a1, TLanes.Create(w[0]), v0, v1);
            Add(ref b0, ref b1, TLanes.Create(w[SpanLength]), v0, v1);
            Add(ref c0, ref c1, TLanes.Create(w[2 * SpanLength]), v0, v1);
            Add(ref d0, ref d1, TLanes.Create(w[3 * SpanLength]), v0, v1);
        }

        Store(a0, a1, s0);
        Store(b0, b1, s1);
        Store(c0, c1, s2);
        Store(d0, d1, s3);
    }

    /// <summary>One query × 64 columns.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Accumulate1(float* weights, int from, int end, float* values, int stride, float* sums, byte* ahead)
    {
        var (a0, a1) = Load(sums);
        var (a2, a3) = Load(sums + Two);
        var (a4, a5, a6, a7) = (a0, a1, a2, a3);
        if (IsNarrow)
        {
            (a4, a5) = Load(sums + (2 * Two));
            (a6, a7) = Load(sums + (3 * Two));
        }

        for (var p = from; p < end; p++, ahead += 2 * Line)
        {
            Prefetch(ahead);
            Prefetch(ahead + Line);
            var w = TLanes.Create(weights[p]);
            var v = values + (p * stride);
            a0 = TLanes.Fma(w, TLanes.Load(v), a0);
            a1 = TLanes.Fma(w, TLanes.Load(v + TLanes.Count), a1);
            a2 = TLanes.Fma(w, TLanes.Load(v + (2 * TLanes.Count)), a2);
            a3 = TLanes.Fma(w, TLanes.Load(v + (3 * TLanes.Count)), a3);
            if (IsNarrow)
            {
                a4 = TLanes.Fma(w, TLanes.Load(v + (4 * TLanes.Count)), a4);
                a5 = TLanes.Fma(w, TLanes.Load(v + (5 * TLanes.Count)), a5);
                a6 = TLanes.Fma(w, TLanes.Load(v + (6 * TLanes.Count)), a6);
                a7 = TLanes.Fma(w, TLanes.Load(v + (7 * TLanes.Count)), a7);
            }
        }

        Store(a0, a1, sums);
        Store(a2, a3, sums + Two);
        if (IsNarrow)
        {
            Store(a4, a5, sums + (2 * Two));
            Store(a6, a7, sums + (3 * Two));
        }
    }

    /// <summary>One query × 16 columns.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void AccumulateRest(float* weights, int from, int end, float* values, int stride, float* sums)
    {
        var a0 = TLanes.Load(sums);
        var a1 = IsNarrow ? TLanes.Load(sums + TLanes.Count) : a0;
        for (var p = from; p < end; p++)
        {
            var w = TLanes.Create(weights[p]);
            a0 = TLanes.Fma(w, TLanes.Load(values + (p * stride)), a0);
            if (IsNarrow)
            {
                a1 = TLanes.Fma(w, TLanes.Load(values + (p * stride) + TLanes.Count), a1);
            }
        }

        TLanes.Store(a0, sums);
        if (IsNarrow)
        {
            TLanes.Store(a1, sums + TLanes.Count);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static (TVector First, TVector Second) Load(float* from) => (TLanes.Load(from), TLanes.Load(from + TLanes.Count));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Add(ref TVector first, ref TVector second, TVector factors, TVector with0, TVector with1)
    {
        first = TLanes.Fma(factors, with0, first);
        second = TLanes.Fma(factors, with1, second);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Store(TVector first, TVector second, float* to)
    {
        TLanes.Store(first, to);
        TLanes.Store(second, to + TLanes.Count);
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
