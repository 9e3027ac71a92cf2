using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Abi.Compute.Cpu.Products.Float32;

/// <summary>The tile in vectors of 128 bits: 4 rows × 8 outputs in registers.</summary>
internal sealed unsafe class FloatTile128 : FloatTile
{
    public override string Path => KernelPath.Portable;

    public override int Height => 4;

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public override void One(float* panel, int columns, float* x, float* y, bool accumulate)
    {
        for (var group = 0; group < Outputs; group += 32)
        {
            var y0 = y + group;
            var sum00 = accumulate ? Vector128.Load(y0) : Vector128<float>.Zero;
            var sum01 = accumulate ? Vector128.Load(y0 + 4) : Vector128<float>.Zero;
            var sum02 = accumulate ? Vector128.Load(y0 + 8) : Vector128<float>.Zero;
            var sum03 = accumulate ? Vector128.Load(y0 + 12) : Vector128<float>.Zero;
            var sum04 = accumulate ? Vector128.Load(y0 + 16) : Vector128<float>.Zero;
            var sum05 = accumulate ? Vector128.Load(y0 + 20) : Vector128<float>.Zero;
            var sum06 = accumulate ? Vector128.Load(y0 + 24) : Vector128<float>.Zero;
            var sum07 = accumulate ? Vector128.Load(y0 + 28) : Vector128<float>.Zero;
            var w = panel + group;
            for (var column = 0; column < columns; column++, w += Outputs)
            {
                var w0 = Vector128.Load(w);
                var w1 = Vector128.Load(w + 4);
                var w2 = Vector128.Load(w + 8);
                var w3 = Vector128.Load(w + 12);
                var w4 = Vector128.Load(w + 16);
                var w5 = Vector128.Load(w + 20);
                var w6 = Vector128.Load(w + 24);
                var w7 = Vector128.Load(w + 28);
                var value0 = Vector128.Create(x[column]);
                sum00 = Vector128.FusedMultiplyAdd(w0, value0, sum00);
                sum01 = Vector128.FusedMultiplyAdd(w1, value0, sum01);
                sum02 = Vector128.FusedMultiplyAdd(w2, value0, sum02);
                sum03 = Vector128.FusedMultiplyAdd(w3, value0, sum03);
                sum04 = Vector128.FusedMultiplyAdd(w4, value0, sum04);
                sum05 = Vector128.FusedMultiplyAdd(w5, value0, sum05);
                sum06 = Vector128.FusedMultiplyAdd(w6, value0, sum06);
                sum07 = Vector128.FusedMultiplyAdd(w7, value0, sum07);
            }

            sum00.Store(y0);
            sum01.Store(y0 + 4);
            sum02.Store(y0 + 8);
            sum03.Store(y0 + 12);
            sum04.Store(y0 + 16);
            sum05.Store(y0 + 20);
            sum06.Store(y0 + 24);
            sum07.Store(y0 + 28);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public override void Several(float* panel, int columns, float** x, int firstColumn, float** y, int to, bool accumulate)
    {
        var x0 = x[0] + firstColumn;
        var x1 = x[1] + firstColumn;
        var x2 = x[2] + firstColumn;
        var x3 = x[3] + firstColumn;
        for (var group = 0; group < Outputs; group += 8)
        {
            var y0 = y[0] + to + group;
            var sum00 = accumulate ? Vector128.Load(y0) : Vector128<float>.Zero;
            var sum01 = accumulate ? Vector128.Load(y0 + 4) : Vector128<float>.Zero;
            var y1 = y[1] + to + group;
            var sum10 = accumulate ? Vector128.Load(y1) : Vector128<float>.Zero;
            var sum11 = accumulate ? Vector128.Load(y1 + 4) : Vector128<float>.Zero;
            var y2 = y[2] + to + group;
            var sum20 = accumulate ? Vector128.Load(y2) : Vector128<float>.Zero;
            var sum21 = accumulate ? Vector128.Load(y2 + 4) : Vector128<float>.Zero;
            var y3 = y[3] + to + group;
            var sum30 = accumulate ? Vector128.Load(y3) : Vector128<float>.Zero;
            var sum31 = accumulate ? Vector128.Load(y3 + 4) : Vector128<float>.Zero;
            var w = panel + group;
            for (var column = 0; column < columns; column++, w += Outputs)
            {
                var w0 = Vector128.Load(w);
                var w1 = Vector128.Load(w + 4);
                var value0 = Vector128.Create(x0[column]);
                sum00 = Vector128.FusedMultiplyAdd(w0, value0, sum00);
                sum01 = Vector128.FusedMultiplyAdd(w1, value0, sum01);
                var value1 = Vector128.Create(x1[column]);
                sum10 = Vector128.FusedMultiplyAdd(w0, value1, sum10);
                sum11 = Vector128.FusedMultiplyAdd(w1, value1, sum11);
                var value2 = Vector128.Create(x2[column]);
                sum20 = Vector128.FusedMultiplyAdd(w0, value2, sum20);
                sum21 = Vector128.FusedMultiplyAdd(w1, value2, sum21);
                var value3 = Vector128.Create(x3[column]);
                sum30 = Vector128.FusedMultiplyAdd(w0, value3, sum30);
                sum31 = Vector128.FusedMultiplyAdd(w1, value3, sum31);
            }

            sum00.Store(y0);
            sum01.Store(y0 + 4);
            sum10.Store(y1);
            sum11.Store(y1 + 4);
            sum20.Store(y2);
            sum21.Store(y2 + 4);
            sum30.Store(y3);
            sum31.Store(y3 + 4);
        }
    }
}
