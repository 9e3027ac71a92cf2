using System.Runtime.CompilerServices;
using Abi.Compute.Cpu.Kernels;

namespace Abi.Compute.Cpu.Products.Float32;

/// <summary>
/// The tile for one width of registers. Six rows × two registers of outputs are twelve chains of additions: enough to hide the latency of each, and with weights and a row's value they fit sixteen
/// registers. One row has the chains of eight registers, or of all its outputs.
/// </summary>
/// <param name="path">What it is written for.</param>
internal sealed unsafe class FloatTile<TLanes, TVector>(string path) : FloatTile
    where TLanes : struct, ILanes<TVector>
{
    public override string Path => path;

    public override int Height => 6;

    /// <summary>The registers of outputs that one row has at a time.</summary>
    private static int Registers
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => TLanes.Count == 16 ? 4 : 8;
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public override void One(float* panel, int columns, float* x, float* y, bool accumulate)
    {
        for (var end = y + Panel.Outputs; y < end; y += Registers * TLanes.Count, panel += Registers * TLanes.Count)
        {
            var (a0, a1) = Start(y, accumulate);
            var (a2, a3) = Start(y + (2 * TLanes.Count), accumulate);
            var (a4, a5, a6, a7) = (a0, a1, a2, a3);
            if (Registers == 8)
            {
                (a4, a5) = Start(y + (4 * TLanes.Count), accumulate);
                (a6, a7) = Start(y + (6 * TLanes.Count), accumulate);
            }

            var w = panel;
            for (var column = 0; column < columns; column++, w += Panel.Outputs)
            {
                var value = TLanes.Create(x[column]);
                a0 = TLanes.Fma(TLanes.Load(w), value, a0);
                a1 = TLanes.Fma(TLanes.Load(w + TLanes.Count), value, a1);
                a2 = TLanes.Fma(TLanes.Load(w + (2 * TLanes.Count)), value, a2);
                a3 = TLanes.Fma(TLanes.Load(w + (3 * TLanes.Count)), value, a3);
                if (Registers == 8)
                {
                    a4 = TLanes.Fma(TLanes.Load(w + (4 * TLanes.Count)), value, a4);
                    a5 = TLanes.Fma(TLanes.Load(w + (5 * TLanes.Count)), value, a5);
                    a6 = TLanes.Fma(TLanes.Load(w + (6 * TLanes.Count)), value, a6);
                    a7 = TLanes.Fma(TLanes.Load(w + (7 * TLanes.Count)), value, a7);
                }
            }

            Store(a0, a1, y);
            Store(a2, a3, y + (2 * TLanes.Count));
            if (Registers == 8)
            {
                Store(a4, a5, y + (4 * TLanes.Count));
                Store(a6, a7, y + (6 * TLanes.Count));
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public override void Several(float* panel, int columns, float** x, int firstColumn, float** y, int to, bool accumulate)
    {
        float* x0 = x[0] + firstColumn, x1 = x[1] + firstColumn, x2 = x[2] + firstColumn, x3 = x[3] + firstColumn, x4 = x[4] + firstColumn, x5 = x[5] + firstColumn;
        for (var end = to + Panel.Outputs; to < end; to += 2 * TLanes.Count, panel += 2 * TLanes.Count)
        {
            var (a0, a1) = Start(y[0] + to, accumulate);
            var (b0, b1) = Start(y[1] + to, accumulate);
            var (c0, c1) = Start(y[2] + to, accumulate);
            var (d0, d1) = Start(y[3] + to, accumulate);
            var (e0, e1) = Start(y[4] + to, accumulate);
            var (f0, f1) = Start(y[5] + to, accumulate);
            var w = panel;
            for (var column = 0; column < columns; column++, w += Panel.Outputs)
            {
                var (w0, w1) = (TLanes.Load(w), TLanes.Load(w + TLanes.Count));
                var value = TLanes.Create(x0[column]);
                (a0, a1) = (TLanes.Fma(w0, value, a0), TLanes.Fma(w1, value, a1));
                value = TLanes.Create(x1[column]);
                (b0, b1) = (TLanes.Fma(w0, value, b0), TLanes.Fma(w1, value, b1));
                value = TLanes.Create(x2[column]);
                (c0, c1) = (TLanes.Fma(w0, value, c0), TLanes.Fma(w1, value, c1));
                value = TLanes.Create(x3[column]);
                (d0, d1) = (TLanes.Fma(w0, value, d0), TLanes.Fma(w1, value, d1));
                value = TLanes.Create(x4[column]);
                (e0, e1) = (TLanes.Fma(w0, value, e0), TLanes.Fma(w1, value, e1));
                value = TLanes.Create(x5[column]);
                (f0, f1) = (TLanes.Fma(w0, value, f0), TLanes.Fma(w1, value, f1));
            }

            Store(a0, a1, y[0] + to);
            Store(b0, b1, y[1] + to);
            Store(c0, c1, y[2] + to);
            Store(d0, d1, y[3] + to);
            Store(e0, e1, y[4] + to);
            Store(f0, f1, y[5] + to);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static (TVector First, TVector Second) Start(float* y, bool accumulate) => accumulate ? (TLanes.Load(y), TLanes.Load(y + TLanes.Count)) : (TLanes.Create(0), TLanes.Create(0));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Store(TVector first, TVector second, float* to)
    {
        TLanes.Store(first, to);
        TLanes.Store(second, to + TLanes.Count);
    }
}
