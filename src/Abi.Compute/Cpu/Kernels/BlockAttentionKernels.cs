using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using Abi.Compute.Devices;
using Abi.Compute.Formats;

namespace Abi.Compute.Cpu.Kernels;

/// <summary>
/// The two products of attention over one page of keys and values in blocks (<see cref="BlockPageKernels"/>), for few queries: levels become floats in registers and are used there.
/// A level times its scale is exact, and a sum's multiply-adds have the order that <see cref="AttentionKernels"/> gives them, so the bits are those of expanding the page to floats first,
/// which pays only where more queries share it.
/// </summary>
internal static unsafe class BlockAttentionKernels
{
    private const int Page = StateStore.PageLength;
    private const int Columns = 32; // of a block
    private const int Half = Columns / 2;
    private const int ScaleBytes = Page * sizeof(ushort);
    private const int SpanLength = AttentionKernels.SpanLength;

    /// <summary>The most queries.</summary>
    public const int MostQueries = AttentionKernels.Tile;

    /// <summary>The most columns of a key: their scales over a page lie on the stack, 4 bytes a column.</summary>
    public const int MostKeyColumns = 4096;

    /// <summary><c>scores[q][p] = queries[q] · keys[p]</c>.</summary>
    /// <param name="queries">[count] pointers to [keySize].</param>
    /// <param name="count">The number of queries, at most 8.</param>
    /// <param name="packed">Eight queries column by column: [keySize, 8]; read when there are eight.</param>
    /// <param name="keys">Panels of 32 columns: [keySize / 32, 32 positions].</param>
    /// <param name="keySize">The columns of a key, an even number, at most <see cref="MostKeyColumns"/>.</param>
    /// <param name="type">Q8_0 or Q4_0.</param>
    /// <param name="scores">The page's part of [count, 256].</param>
    /// <param name="ahead">What is read soon, as much as is read now.</param>
    public static void Score(float** queries, int count, float* packed, byte* keys, int keySize, TensorType type, float* scores, byte* ahead)
    {
        if (Vector512.IsHardwareAccelerated)
        {
            if (type == TensorType.Q4_0)
            {
                Kernel<Lanes16, Vector512<float>, Q4BlockLevels>.Score(queries, count, packed, keys, keySize, scores, ahead);
            }
            else
            {
                Kernel<Lanes16, Vector512<float>, Q8BlockLevels>.Score(queries, count, packed, keys, keySize, scores, ahead);
            }
        }
        else if (type == TensorType.Q4_0)
        {
            Kernel<Lanes8, Vector256<float>, Q4BlockLevels>.Score(queries, count, packed, keys, keySize, scores, ahead);
        }
        else
        {
            Kernel<Lanes8, Vector256<float>, Q8BlockLevels>.Score(queries, count, packed, keys, keySize, scores, ahead);
        }
    }

    /// <summary><c>sums[q][c] += Σ weights[q][p] values[p][c]</c> over positions [from, end).</summary>
    /// <param name="weights">The page's part of [count, 256].</param>
    /// <param name="count">The number of queries, at most 8.</param>
    /// <param name="from">The first position.</param>
    /// <param name="end">The position after the last.</param>
    /// <param name="values">Panels of 32 columns: [stride / 32, 32 positions].</param>
    /// <param name="stride">The columns of a value, a multiple of 32.</param>
    /// <param name="type">Q8_0 or Q4_0.</param>
    /// <param name="sums">[count, stride].</param>
    /// <param name="ahead">What is read soon, as much as is read now.</param>
    public static void Accumulate(float* weights, int count, int from, int end, byte* values, int stride, TensorType type, float* sums, byte* ahead)
    {
        if (Vector512.IsHardwareAccelerated)
        {
            if (type == TensorType.Q4_0)
            {
                Kernel<Lanes16, Vector512<float>, Q4BlockLevels>.Accumulate(weights, count, from, end, values, stride, sums, ahead);
            }
            else
            {
                Kernel<Lanes16, Vector512<float>, Q8BlockLevels>.Accumulate(weights, count, from, end, values, stride, sums, ahead);
            }
        }
        else if (type == TensorType.Q4_0)
        {
            Kernel<Lanes8, Vector256<float>, Q4BlockLevels>.Accumulate(weights, count, from, end, values, stride, sums, ahead);
        }
        else
        {
            Kernel<Lanes8, Vector256<float>, Q8BlockLevels>.Accumulate(weights, count, from, end, values, stride, sums, ahead);
        }
    }

    /// <summary>The kernels for one width of registers and one format. Eight accumulators each: as many as hide the latency of a multiply-add, and leave registers for the rest.</summary>
    internal static class Kernel<TLanes, TVector, TLevels>
        where TLanes : struct, IBlockLanes<TVector>
        where TLevels : struct, IBlockLevels
    {
        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        public static void Score(float** queries, int count, float* packed, byte* keys, int keySize, float* scores, byte* ahead)
        {
            var panels = (keySize + Columns - 1) / Columns;
            Prefetch(ahead, panels * TLevels.PanelBytes);
            var scales = stackalloc float[panels * Page];
            for (var panel = 0; panel < panels; panel++)
            {
                WidenScales(keys + (panel * TLevels.PanelBytes), scales + (panel * Page));
            }

            if (count == AttentionKernels.Tile)
            {
                Score8(packed, keys, scales, keySize, scores);
                return;
            }

            float** rows = stackalloc float*[4], results = stackalloc float*[4];
            for (var q = 0; q < count; q += 4)
            {
                if (count - q == 1)
                {
                    Score1(queries[q], keys, scales, keySize, scores + (q * SpanLength));
                    return;
                }

                // two or three together, the last one as often as there is room
                for (var i = 0; i < 4; i++)
                {
                    var row = Math.Min(q + i, count - 1);
                    rows[i] = queries[row];
                    results[i] = scores + (row * SpanLength);
                }

                Score4(rows, keys, scales, keySize, results);
            }
        }

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        public static void Accumulate(float* weights, int count, int from, int end, byte* values, int stride, float* sums, byte* ahead)
        {
            Prefetch(ahead, stride / Columns * TLevels.PanelBytes);
            var scales = stackalloc float[Page];
            float** rows = stackalloc float*[4], results = stackalloc float*[4];
            for (var column = 0; column < stride; column += Columns, values += TLevels.PanelBytes, sums += Columns)
            {
                WidenScales(values, scales);
                if (count == AttentionKernels.Tile)
                {
                    Accumulate8(weights, scales, from, end, values + ScaleBytes, sums, stride);
                    continue;
                }

                for (var q = 0; q < count; q += 4)
                {
                    if (count - q == 1)
                    {
                        Accumulate1(weights + (q * SpanLength), scales, from, end, values + ScaleBytes, sums + (q * stride));
                        break;
                    }

                    for (var i = 0; i < 4; i++)
                    {
                        var row = Math.Min(q + i, count - 1);
                        rows[i] = weights + (row * SpanLength);
                        results[i] = sums + (row * stride);
                    }

                    Accumulate4(rows, scales, from, end, values + ScaleBytes, results);
                }
            }
        }

        /// <summary>Eight queries with as many positions as a register holds.</summary>
        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private static void Score8(float* packed, byte* keys, float* scales, int keySize, float* scores)
        {
            for (var p = 0; p < Page; p += TLanes.Count, scores += TLanes.Count)
            {
                var zero = TLanes.Create(0);
                var (s0, s1, s2, s3, s4, s5, s6, s7) = (zero, zero, zero, zero, zero, zero, zero, zero);
                var x = packed;
                var panel = keys + ScaleBytes + p;
                var scale = scales + p;
                for (var left = keySize; left > 0; left -= Columns, panel += TLevels.PanelBytes, scale += Page)
                {
                    var s = TLanes.Load(scale);
                    var end = panel + (Math.Min(left, Columns) / 2 * TLevels.PairBytes);
                    for (var pair = panel; pair < end; pair += TLevels.PairBytes, x += 2 * AttentionKernels.Tile)
                    {
                        var k = TLanes.Multiply(TLevels.First<TLanes, TVector>(pair), s);
                        s0 = TLanes.Fma(TLanes.Create(x[0]), k, s0);
                        s1 = TLanes.Fma(TLanes.Create(x[1]), k, s1);
                        s2 = TLanes.Fma(TLanes.Create(x[2]), k, s2);
                        s3 = TLanes.Fma(TLanes.Create(x[3]), k, s3);
                        s4 = TLanes.Fma(TLanes.Create(x[4]), k, s4);
                        s5 = TLanes.Fma(TLanes.Create(x[5]), k, s5);
                        s6 = TLanes.Fma(TLanes.Create(x[6]), k, s6);
                        s7 = TLanes.Fma(TLanes.Create(x[7]), k, s7);
                        k = TLanes.Multiply(TLevels.Second<TLanes, TVector>(pair), s);
                        s0 = TLanes.Fma(TLanes.Create(x[8]), k, s0);
                        s1 = TLanes.Fma(TLanes.Create(x[9]), k, s1);
                        s2 = TLanes.Fma(TLanes.Create(x[10]), k, s2);
                        s3 = TLanes.Fma(TLanes.Create(x[11]), k, s3);
                        s4 = TLanes.Fma(TLanes.Create(x[12]), k, s4);
                        s5 = TLanes.Fma(TLanes.Create(x[13]), k, s5);
                        s6 = TLanes.Fma(TLanes.Create(x[14]), k, s6);
                        s7 = TLanes.Fma(TLanes.Create(x[15]), k, s7);
                    }
                }

                TLanes.Store(s0, scores);
                TLanes.Store(s1, scores + (1 * SpanLength));
                TLanes.Store(s2, scores + (2 * SpanLength));
                TLanes.Store(s3, scores + (3 * SpanLength));
                TLanes.Store(s4, scores + (4 * SpanLength));
                TLanes.Store(s5, scores + (5 * SpanLength));
                TLanes.Store(s6, scores + (6 * SpanLength));
                TLanes.Store(s7, scores + (7 * SpanLength));
            }
        }

        /// <summary>Four queries with two registers of positions.</summary>
        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private static void Score4(float** queries, byte* keys, float* scales, int keySize, float** scores)
        {
            for (var p = 0; p < Page; p += 2 * TLanes.Count)
            {
                var zero = TLanes.Create(0);
                var (a0, a1, b0, b1, c0, c1, d0, d1) = (zero, zero, zero, zero, zero, zero, zero, zero);
                float* q0 = queries[0], q1 = queries[1], q2 = queries[2], q3 = queries[3];
                var panel = keys + ScaleBytes + p;
                var scale = scales + p;
                for (var left = keySize; left > 0; left -= Columns, panel += TLevels.PanelBytes, scale += Page)
                {
                    var (s0, s1) = (TLanes.Load(scale), TLanes.Load(scale + TLanes.Count));
                    var end = panel + (Math.Min(left, Columns) / 2 * TLevels.PairBytes);
                    for (var pair = panel; pair < end; pair += TLevels.PairBytes, q0 += 2, q1 += 2, q2 += 2, q3 += 2)
                    {
                        var k0 = TLanes.Multiply(TLevels.First<TLanes, TVector>(pair), s0);
                        var k1 = TLanes.Multiply(TLevels.First<TLanes, TVector>(pair + TLanes.Count), s1);
                        (a0, a1) = (TLanes.Fma(TLanes.Create(q0[0]), k0, a0), TLanes.Fma(TLanes.Create(q0[0]), k1, a1));
                        (b0, b1) = (TLanes.Fma(TLanes.Create(q1[0]), k0, b0), TLanes.Fma(TLanes.Create(q1[0]), k1, b1));
                        (c0, c1) = (TLanes.Fma(TLanes.Create(q2[0]), k0, c0), TLanes.Fma(TLanes.Create(q2[0]), k1, c1));
                        (d0, d1) = (TLanes.Fma(TLanes.Create(q3[0]), k0, d0), TLanes.Fma(TLanes.Create(q3[0]), k1, d1));
                        k0 = TLanes.Multiply(TLevels.Second<TLanes, TVector>(pair), s0);
                        k1 = TLanes.Multiply(TLevels.Second<TLanes, TVector>(pair + TLanes.Count), s1);
                        (a0, a1) = (TLanes.Fma(TLanes.Create(q0[1]), k0, a0), TLanes.Fma(TLanes.Create(q0[1]), k1, a1));
                        (b0, b1) = (TLanes.Fma(TLanes.Create(q1[1]), k0, b0), TLanes.Fma(TLanes.Create(q1[1]), k1, b1));
                        (c0, c1) = (TLanes.Fma(TLanes.Create(q2[1]), k0, c0), TLanes.Fma(TLanes.Create(q2[1]), k1, c1));
                        (d0, d1) = (TLanes.Fma(TLanes.Create(q3[1]), k0, d0), TLanes.Fma(TLanes.Create(q3[1]), k1, d1));
                    }
                }

                Store2(a0, a1, scores[0] + p);
                Store2(b0, b1, scores[1] + p);
                Store2(c0, c1, scores[2] + p);
                Store2(d0, d1, scores[3] + p);
            }
        }

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private static void Score1(float* query, byte* keys, float* scales, int keySize, float* scores)
        {
            for (var p = 0; p < Page; p += 2 * TLanes.Count)
            {
                var (a0, a1) = (TLanes.Create(0), TLanes.Create(0));
                var q = query;
                var panel = keys + ScaleBytes + p;
                var scale = scales + p;
                for (var left = keySize; left > 0; left -= Columns, panel += TLevels.PanelBytes, scale += Page)
                {
                    var (s0, s1) = (TLanes.Load(scale), TLanes.Load(scale + TLanes.Count));
                    var end = panel + (Math.Min(left, Columns) / 2 * TLevels.PairBytes);
                    for (var pair = panel; pair < end; pair += TLevels.PairBytes, q += 2)
                    {
                        var x = TLanes.Create(q[0]);
                        a0 = TLanes.Fma(x, TLanes.Multiply(TLevels.First<TLanes, TVector>(pair), s0), a0);
                        a1 = TLanes.Fma(x, TLanes.Multiply(TLevels.First<TLanes, TVector>(pair + TLanes.Count), s1), a1);
                        x = TLanes.Create(q[1]);
                        a0 = TLanes.Fma(x, TLanes.Multiply(TLevels.Second<TLanes, TVector>(pair), s0), a0);
                        a1 = TLanes.Fma(x, TLanes.Multiply(TLevels.Second<TLanes, TVector>(pair + TLanes.Count), s1), a1);
                    }
                }

                Store2(a0, a1, scores + p);
            }
        }

        /// <summary>Eight queries with as many columns as a register holds.</summary>
        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private static void Accumulate8(float* weights, float* scales, int from, int end, byte* levels, float* sums, int stride)
        {
            for (var column = 0; column < Columns; column += TLanes.Count, sums += TLanes.Count)
            {
                var (a0, a1) = (TLanes.Load(sums), TLanes.Load(sums + stride));
                var (a2, a3) = (TLanes.Load(sums + (2 * stride)), TLanes.Load(sums + (3 * stride)));
                var (a4, a5) = (TLanes.Load(sums + (4 * stride)), TLanes.Load(sums + (5 * stride)));
                var (a6, a7) = (TLanes.Load(sums + (6 * stride)), TLanes.Load(sums + (7 * stride)));
                var row = levels + (from * TLevels.RowBytes);
                for (var p = from; p < end; p++, row += TLevels.RowBytes)
                {
                    var level = column < Half ? TLevels.LowColumns<TLanes, TVector>(row + column) : TLevels.HighColumns<TLanes, TVector>(row + column - Half);
                    var v = TLanes.Multiply(level, TLanes.Create(scales[p]));
                    var w = weights + p;
                    a0 = TLanes.Fma(TLanes.Create(w[0]), v, a0);
                    a1 = TLanes.Fma(TLanes.Create(w[SpanLength]), v, a1);
                    a2 = TLanes.Fma(TLanes.Create(w[2 * SpanLength]), v, a2);
                    a3 = TLanes.Fma(TLanes.Create(w[3 * SpanLength]), v, a3);
                    a4 = TLanes.Fma(TLanes.Create(w[4 * SpanLength]), v, a4);
                    a5 = TLanes.Fma(TLanes.Create(w[5 * SpanLength]), v, a5);
                    a6 = TLanes.Fma(TLanes.Create(w[6 * SpanLength]), v, a6);
                    a7 = TLanes.Fma(TLanes.Create(w[7 * SpanLength]), v, a7);
                }

                TLanes.Store(a0, sums);
                TLanes.Store(a1, sums + stride);
                TLanes.Store(a2, sums + (2 * stride));
                TLanes.Store(a3, sums + (3 * stride));
                TLanes.Store(a4, sums + (4 * stride));
                TLanes.Store(a5, sums + (5 * stride));
                TLanes.Store(a6, sums + (6 * stride));
                TLanes.Store(a7, sums + (7 * stride));
            }
        }

        /// <summary>Four queries with columns c and c + 16 together, whose levels of 4 bits share bytes. A query may come twice: both have the same sums.</summary>
        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private static void Accumulate4(float** weights, float* scales, int from, int end, byte* levels, float** sums)
        {
            float* w0 = weights[0], w1 = weights[1], w2 = weights[2], w3 = weights[3];
            float* s0 = sums[0], s1 = sums[1], s2 = sums[2], s3 = sums[3];
            for (var column = 0; column < Half; column += TLanes.Count)
            {
                var (a0, a1) = (TLanes.Load(s0 + column), TLanes.Load(s0 + column + Half));
                var (b0, b1) = (TLanes.Load(s1 + column), TLanes.Load(s1 + column + Half));
                var (c0, c1) = (TLanes.Load(s2 + column), TLanes.Load(s2 + column + Half));
                var (d0, d1) = (TLanes.Load(s3 + column), TLanes.Load(s3 + column + Half));
                var row = levels + (from * TLevels.RowBytes) + column;
                for (var p = from; p < end; p++, row += TLevels.RowBytes)
                {
                    var scale = TLanes.Create(scales[p]);
                    var v0 = TLanes.Multiply(TLevels.LowColumns<TLanes, TVector>(row), scale);
                    var v1 = TLanes.Multiply(TLevels.HighColumns<TLanes, TVector>(row), scale);
                    var w = TLanes.Create(w0[p]);
                    (a0, a1) = (TLanes.Fma(w, v0, a0), TLanes.Fma(w, v1, a1));
                    w = TLanes.Create(w1[p]);
                    (b0, b1) = (TLanes.Fma(w, v0, b0), TLanes.Fma(w, v1, b1));
                    w = TLanes.Create(w2[p]);
                    (c0, c1) = (TLanes.Fma(w, v0, c0), TLanes.Fma(w, v1, c1));
                    w = TLanes.Create(w3[p]);
                    (d0, d1) = (TLanes.Fma(w, v0, d0), TLanes.Fma(w, v1, d1));
                }

                StoreHalves(a0, a1, s0 + column);
                StoreHalves(b0, b1, s1 + column);
                StoreHalves(c0, c1, s2 + column);
                StoreHalves(d0, d1, s3 + column);
            }
        }

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private static void Accumulate1(float* weights, float* scales, int from, int end, byte* levels, float* sums)
        {
            for (var column = 0; column < Half; column += TLanes.Count, sums += TLanes.Count)
            {
                var (a0, a1) = (TLanes.Load(sums), TLanes.Load(sums + Half));
                var row = levels + (from * TLevels.RowBytes) + column;
                for (var p = from; p < end; p++, row += TLevels.RowBytes)
                {
                    var (w, scale) = (TLanes.Create(weights[p]), TLanes.Create(scales[p]));
                    a0 = TLanes.Fma(w, TLanes.Multiply(TLevels.LowColumns<TLanes, TVector>(row), scale), a0);
                    a1 = TLanes.Fma(w, TLanes.Multiply(TLevels.HighColumns<TLanes, TVector>(row), scale), a1);
                }

                StoreHalves(a0, a1, sums);
            }
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private static void Store2(TVector a, TVector b, float* to)
        {
            TLanes.Store(a, to);
            TLanes.Store(b, to + TLanes.Count);
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private static void StoreHalves(TVector a, TVector b, float* to)
        {
            TLanes.Store(a, to);
            TLanes.Store(b, to + Half);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void WidenScales(byte* panel, float* scales)
    {
        HalfLanes.Widen16((System.Half*)panel, scales);
        HalfLanes.Widen16((System.Half*)panel + Lanes.Count, scales + Lanes.Count);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Prefetch(byte* memory, int count)
    {
        if (Sse.IsSupported)
        {
            for (var line = 0; line < count; line += 64)
            {
                Sse.Prefetch1(memory + line);
            }
        }
    }
}
