using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Abi.Compute.Cpu.Products.Float32;

/// <summary>The tile in vectors of 256 bits: 6 rows × 16 outputs in registers.</summary>
internal sealed unsafe class FloatTile256 : FloatTile
{
    public override string Path => KernelPath.Avx2;

    public override int Height => 6;

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public override void One(float* panel, int columns, float* x, float* y, bool accumulate)
    {
        var y0 = y;
        var sum00 = accumulate ? Vector256.Load(y0) : Vector256<float>.Zero;
        var sum01 = accumulate ? Vector256.Load(y0 + 8) : Vector256<float>.Zero;
        var sum02 = accumulate ? Vector256.Load(y0 + 16) : Vector256<float>.Zero;
        var sum03 = accumulate ? Vector256.Load(y0 + 24) : Vector256<float>.Zero;
        var sum04 = accumulate ? Vector256.Load(y0 + 32) : Vector256<float>.Zero;
        var sum05 = accumulate ? Vector256.Load(y0 + 40) : Vector256<float>.Zero;
        var sum06 = accumulate ? Vector256.Load(y0 + 48) : Vector256<float>.Zero;
        var sum07 = accumulate ? Vector256.Load(y0 + 56) : Vector256<float>.Zero;
        var w = panel;
        for (var column = 0; column < columns; column++, w += Outputs)
        {
            var w0 = Vector256.Load(w);
            var w1 = Vector256.Load(w + 8);
            var w2 = Vector256.Load(w + 16);
            var w3 = Vector256.Load(w + 24);
            var w4 = Vector256.Load(w + 32);
            var w5 = Vector256.Load(w + 40);
            var w6 = Vector256.Load(w + 48);
            var w7 = Vector256.Load(w + 56);
            var value0 = Vector256.Create(x[column]);
            sum00 = Vector256.FusedMultiplyAdd(w0, value0, sum00);
            sum01 = Vector256.FusedMultiplyAdd(w1, value0, sum01);
            sum02 = Vector256.FusedMultiplyAdd(w2, value0, sum02);
            sum03 = Vector256.FusedMultiplyAdd(w3, value0, sum03);
            sum04 = Vector256.FusedMultiplyAdd(w4, value0, sum04);
            sum05 = Vector256.FusedMultiplyAdd(w5, value0, sum05);
            sum06 = Vector256.FusedMultiplyAdd(w6, value0, sum06);
            sum07 = Vector256.FusedMultiplyAdd(w7, value0, sum07);
        }

        sum00.Store(y0);
        sum01.Store(y0 + 8);
        sum02.Store(y0 + 16);
        sum03.Store(y0 + 24);
        sum04.Store(y0 + 32);
        sum05.Store(y0 + 40);
        sum06.Store(y0 + 48);
        sum07.Store(y0 + 56);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public override void Several(float* panel, int columns, float** x, int firstColumn, float** y, int to, bool accumulate)
    {
        var x0 = x[0] + firstColumn;
        var x1 = x[1] + firstColumn;
        var x2 = x[2] + firstColumn;
        var x3 = x[3] + firstColumn;
        var x4 = x[4] + firstColumn;
        var x5 = x[5] + firstColumn;
        for (var group = 0; group < Outputs; group += 16)
        {
            var y0 = y[0] + to + group;
            var sum00 = accumulate ? Vector256.Load(y0) : Vector256<float>.Zero;
            var sum01 = accumulate ? Vector256.Load(y0 + 8) : Vector256<float>.Zero;
            var y1 = y[1] + to + group;
            var sum10 = accumulate ? Vector256.Load(y1) : Vector256<float>.Zero;
            var sum11 = accumulate ? Vector256.Load(y1 + 8) : Vector256<float>.Zero;
            var y2 = y[2] + to + group;
            var sum20 = accumulate ? Vector256.Load(y2) : Vector256<float>.Zero;
            var sum21 = accumulate ? Vector256.Load(y2 + 8) : Vector256<float>.Zero;
            var y3 = y[3] + to + group;
            var sum30 = accumulate ? Vector256.Load(y3) : Vector256<float>.Zero;
            var sum31 = accumulate ? Vector256.Load(y3 + 8) : Vector256<float>.Zero;
            var y4 = y[4] + to + group;
            var sum40 = accumulate ? Vector256.Load(y4) : Vector256<float>.Zero;
            var sum41 = accumulate ? Vector256.Load(y4 + 8) : Vector256<float>.Zero;
            var y5 = y[5] + to + group;
            var sum50 = accumulate ? Vector256.Load(y5) : Vector256<float>.Zero;
            var sum51 = accumulate ? Vector256.Load(y5 + 8) : Vector256<float>.Zero;
            var w = panel + group;
            for (var column = 0; column < columns; column++, w += Outputs)
            {
                var w0 = Vector256.Load(w);
                var w1 = Vector256.Load(w + 8);
                var value0 = Vector256.Create(x0[column]);
                sum00 = Vector256.FusedMultiplyAdd(w0, value0, sum00);
                sum01 = Vector256.FusedMultiplyAdd(w1, value0, sum01);
                var value1 = Vector256.Create(x1[column]);
                sum10 = Vector256.FusedMultiplyAdd(w0, value1, sum10);
                sum11 = Vector256.FusedMultiplyAdd(w1, value1, sum11);
                var value2 = Vector256.Create(x2[column]);
                sum20 = Vector256.FusedMultiplyAdd(w0, value2, sum20);
                sum21 = Vector256.FusedMultiplyAdd(w1, value2, sum21);
                var value3 = Vector256.Create(x3[column]);
                sum30 = Vector256.FusedMultiplyAdd(w0, value3, sum30);
                sum31 = Vector256.FusedMultiplyAdd(w1, value3, sum31);
                var value4 = Vector256.Create(x4[column]);
                sum40 = Vector256.FusedMultiplyAdd(w0, value4, sum40);
                sum41 = Vector256.FusedMultiplyAdd(w1, value4, sum41);
                var value5 = Vector256.Create(x5[column]);
                sum50 = Vector256.FusedMultiplyAdd(w0, value5, sum50);
                sum51 = Vector256.FusedMultiplyAdd(w1, value5, sum51);
            }

            sum00.Store(y0);
            sum01.Store(y0 + 8);
            sum10.Store(y1);
            sum11.Store(y1 + 8);
            sum20.Store(y2);
            sum21.Store(y2 + 8);
            sum30.Store(y3);
            sum31.Store(y3 + 8);
            sum40.Store(y4);
            sum41.Store(y4 + 8);
            sum50.Store(y5);
            sum51.Store(y5 + 8);
        }
    }
}
