using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Abi.Compute.Cpu.Products.Float32;

/// <summary>The tile in vectors of 512 bits: 6 rows × 64 outputs in registers.</summary>
internal sealed unsafe class FloatTile512 : FloatTile
{
    public override string Path => KernelPath.Avx512;

    public override int Height => 6;

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public override void One(float* panel, int columns, float* x, float* y, bool accumulate)
    {
        var y0 = y;
        var sum00 = accumulate ? Vector512.Load(y0) : Vector512<float>.Zero;
        var sum01 = accumulate ? Vector512.Load(y0 + 16) : Vector512<float>.Zero;
        var sum02 = accumulate ? Vector512.Load(y0 + 32) : Vector512<float>.Zero;
        var sum03 = accumulate ? Vector512.Load(y0 + 48) : Vector512<float>.Zero;
        var w = panel;
        for (var column = 0; column < columns; column++, w += Outputs)
        {
            var w0 = Vector512.Load(w);
            var w1 = Vector512.Load(w + 16);
            var w2 = Vector512.Load(w + 32);
            var w3 = Vector512.Load(w + 48);
            var value0 = Vector512.Create(x[column]);
            sum00 = Vector512.FusedMultiplyAdd(w0, value0, sum00);
            sum01 = Vector512.FusedMultiplyAdd(w1, value0, sum01);
            sum02 = Vector512.FusedMultiplyAdd(w2, value0, sum02);
            sum03 = Vector512.FusedMultiplyAdd(w3, value0, sum03);
        }

        sum00.Store(y0);
        sum01.Store(y0 + 16);
        sum02.Store(y0 + 32);
        sum03.Store(y0 + 48);
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
        var y0 = y[0] + to;
        var sum00 = accumulate ? Vector512.Load(y0) : Vector512<float>.Zero;
        var sum01 = accumulate ? Vector512.Load(y0 + 16) : Vector512<float>.Zero;
        var sum02 = accumulate ? Vector512.Load(y0 + 32) : Vector512<float>.Zero;
        var sum03 = accumulate ? Vector512.Load(y0 + 48) : Vector512<float>.Zero;
        var y1 = y[1] + to;
        var sum10 = accumulate ? Vector512.Load(y1) : Vector512<float>.Zero;
        var sum11 = accumulate ? Vector512.Load(y1 + 16) : Vector512<float>.Zero;
        var sum12 = accumulate ? Vector512.Load(y1 + 32) : Vector512<float>.Zero;
        var sum13 = accumulate ? Vector512.Load(y1 + 48) : Vector512<float>.Zero;
        var y2 = y[2] + to;
        var sum20 = accumulate ? Vector512.Load(y2) : Vector512<float>.Zero;
        var sum21 = accumulate ? Vector512.Load(y2 + 16) : Vector512<float>.Zero;
        var sum22 = accumulate ? Vector512.Load(y2 + 32) : Vector512<float>.Zero;
        var sum23 = accumulate ? Vector512.Load(y2 + 48) : Vector512<float>.Zero;
        var y3 = y[3] + to;
        var sum30 = accumulate ? Vector512.Load(y3) : Vector512<float>.Zero;
        var sum31 = accumulate ? Vector512.Load(y3 + 16) : Vector512<float>.Zero;
        var sum32 = accumulate ? Vector512.Load(y3 + 32) : Vector512<float>.Zero;
        var sum33 = accumulate ? Vector512.Load(y3 + 48) : Vector512<float>.Zero;
        var y4 = y[4] + to;
        var sum40 = accumulate ? Vector512.Load(y4) : Vector512<float>.Zero;
        var sum41 = accumulate ? Vector512.Load(y4 + 16) : Vector512<float>.Zero;
        var sum42 = accumulate ? Vector512.Load(y4 + 32) : Vector512<float>.Zero;
        var sum43 = accumulate ? Vector512.Load(y4 + 48) : Vector512<float>.Zero;
        var y5 = y[5] + to;
        var sum50 = accumulate ? Vector512.Load(y5) : Vector512<float>.Zero;
        var sum51 = accumulate ? Vector512.Load(y5 + 16) : Vector512<float>.Zero;
        var sum52 = accumulate ? Vector512.Load(y5 + 32) : Vector512<float>.Zero;
        var sum53 = accumulate ? Vector512.Load(y5 + 48) : Vector512<float>.Zero;
        var w = panel;
        for (var column = 0; column < columns; column++, w += Outputs)
        {
            var w0 = Vector512.Load(w);
            var w1 = Vector512.Load(w + 16);
            var w2 = Vector512.Load(w + 32);
            var w3 = Vector512.Load(w + 48);
            var value0 = Vector512.Create(x0[column]);
            sum00 = Vector512.FusedMultiplyAdd(w0, value0, sum00);
            sum01 = Vector512.FusedMultiplyAdd(w1, value0, sum01);
            sum02 = Vector512.FusedMultiplyAdd(w2, value0, sum02);
            sum03 = Vector512.FusedMultiplyAdd(w3, value0, sum03);
            var value1 = Vector512.Create(x1[column]);
            sum10 = Vector512.FusedMultiplyAdd(w0, value1, sum10);
            sum11 = Vector512.FusedMultiplyAdd(w1, value1, sum11);
            sum12 = Vector512.FusedMultiplyAdd(w2, value1, sum12);
            sum13 = Vector512.FusedMultiplyAdd(w3, value1, sum13);
            var value2 = Vector512.Create(x2[column]);
            sum20 = Vector512.FusedMultiplyAdd(w0, value2, sum20);
            sum21 = Vector512.FusedMultiplyAdd(w1, value2, sum21);
            sum22 = Vector512.FusedMultiplyAdd(w2, value2, sum22);
            sum23 = Vector512.FusedMultiplyAdd(w3, value2, sum23);
            var value3 = Vector512.Create(x3[column]);
            sum30 = Vector512.FusedMultiplyAdd(w0, value3, sum30);
            sum31 = Vector512.FusedMultiplyAdd(w1, value3, sum31);
            sum32 = Vector512.FusedMultiplyAdd(w2, value3, sum32);
            sum33 = Vector512.FusedMultiplyAdd(w3, value3, sum33);
            var value4 = Vector512.Create(x4[column]);
            sum40 = Vector512.FusedMultiplyAdd(w0, value4, sum40);
            sum41 = Vector512.FusedMultiplyAdd(w1, value4, sum41);
            sum42 = Vector512.FusedMultiplyAdd(w2, value4, sum42);
            sum43 = Vector512.FusedMultiplyAdd(w3, value4, sum43);
            var value5 = Vector512.Create(x5[column]);
            sum50 = Vector512.FusedMultiplyAdd(w0, value5, sum50);
            sum51 = Vector512.FusedMultiplyAdd(w1, value5, sum51);
            sum52 = Vector512.FusedMultiplyAdd(w2, value5, sum52);
            sum53 = Vector512.FusedMultiplyAdd(w3, value5, sum53);
        }

        sum00.Store(y0);
        sum01.Store(y0 + 16);
        sum02.Store(y0 + 32);
        sum03.Store(y0 + 48);
        sum10.Store(y1);
        sum11.Store(y1 + 16);
        sum12.Store(y1 + 32);
        sum13.Store(y1 + 48);
        sum20.Store(y2);
        sum21.Store(y2 + 16);
        sum22.Store(y2 + 32);
        sum23.Store(y2 + 48);
        sum30.Store(y3);
        sum31.Store(y3 + 16);
        sum32.Store(y3 + 32);
        sum33.Store(y3 + 48);
        sum40.Store(y4);
        sum41.Store(y4 + 16);
        sum42.Store(y4 + 32);
        sum43.Store(y4 + 48);
        sum50.Store(y5);
        sum51.Store(y5 + 16);
        sum52.Store(y5 + 32);
        sum53.Store(y5 + 48);
    }
}
