using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Abi.Compute.Cpu.Products.Formats;

namespace Abi.Compute.Cpu.Products.Int8;

/// <summary>The tile in vectors of 256 bits: 8 outputs side by side, each row of activations broadcast four columns at a time.</summary>
internal sealed unsafe class Int8Tile256<TFormat, TDot> : Int8Tile
    where TFormat : struct, ILevelFormat
    where TDot : struct, IInt8Dot256
{
    private static bool FullRange => TFormat.OffsetShift == 7;

    public override string Path => TDot.Path;

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public override void One(Int8TileArguments* a)
    {
        var panel = a->Panel;
        var scales = (float*)(a->Panel + Int8Panel<TFormat>.LevelBytes);
        nint recordBytes = Int8Panel<TFormat>.RecordBytes; // asked for once: within the loops it would be a call
        for (var group = 0; group < 4; group++, panel += 512, scales += 16)
        {
            var sum00 = Vector256<float>.Zero;
            var sum01 = Vector256<float>.Zero;
            if (a->Accumulate != 0)
            {
                sum00 = Vector256.Load(a->Y0 + (16 * group));
                sum01 = Vector256.Load(a->Y0 + (16 * group) + 8);
            }

            var record = panel;
            var recordScales = scales;
            var x0 = a->X0;
            for (var block = a->Blocks; block > 0; block--)
            {
                var i00 = Start(TFormat.Scales == 1 ? x0->NegativeSum : x0->HalfNegativeSums[0]);
                var i01 = Start(TFormat.Scales == 1 ? x0->NegativeSum : x0->HalfNegativeSums[0]);
                for (nint j = 0; j < (TFormat.Scales == 1 ? 8 : 4); j++)
                {
                    var levels0 = Vector256.Load(record + (64 * j));
                    var levels1 = Vector256.Load(record + (64 * j) + 32);
                    var four0 = Vector256.Create(((int*)x0)[j]).AsSByte();
                    i00 = TDot.Add(i00, levels0, four0, FullRange);
                    i01 = TDot.Add(i01, levels1, four0, FullRange);
                }

                var scale0 = Vector256.Load(recordScales);
                var scale1 = Vector256.Load(recordScales + 8);
                var t00 = scale0 * Vector256.ConvertToSingle(i00);
                var t01 = scale1 * Vector256.ConvertToSingle(i01);
                if (TFormat.Scales == 2)
                {
                    i00 = Start(x0->HalfNegativeSums[1]);
                    i01 = Start(x0->HalfNegativeSums[1]);
                    for (nint j = 4; j < 8; j++)
                    {
                        var levels0 = Vector256.Load(record + (64 * j));
                        var levels1 = Vector256.Load(record + (64 * j) + 32);
                        var four0 = Vector256.Create(((int*)x0)[j]).AsSByte();
                        i00 = TDot.Add(i00, levels0, four0, FullRange);
                        i01 = TDot.Add(i01, levels1, four0, FullRange);
                    }

                    scale0 = Vector256.Load(recordScales + 64);
                    scale1 = Vector256.Load(recordScales + 64 + 8);
                    t00 = Vector256.FusedMultiplyAdd(scale0, Vector256.ConvertToSingle(i00), t00);
                    t01 = Vector256.FusedMultiplyAdd(scale1, Vector256.ConvertToSingle(i01), t01);
                }

                for (var s = 0; TFormat.HasMinimum && s < TFormat.Scales; s++)
                {
                    var minimum0 = Vector256.Load(recordScales + ((TFormat.Scales + s) * Int8Panel.Outputs));
                    var minimum1 = Vector256.Load(recordScales + ((TFormat.Scales + s) * Int8Panel.Outputs) + 8);
                    var sum0 = Vector256.Create(TFormat.Scales == 1 ? x0->Sum : x0->HalfSums[s]);
                    t00 = Vector256.FusedMultiplyAdd(minimum0, sum0, t00);
                    t01 = Vector256.FusedMultiplyAdd(minimum1, sum0, t01);
                }

                var scaleX0 = Vector256.Create(x0->Scale);
                sum00 = Vector256.FusedMultiplyAdd(scaleX0, t00, sum00);
                sum01 = Vector256.FusedMultiplyAdd(scaleX0, t01, sum01);

                record += recordBytes;
                recordScales = (float*)((byte*)recordScales + recordBytes);
                x0++;
            }

            sum00.Store(a->Y0 + (16 * group));
            sum01.Store(a->Y0 + (16 * group) + 8);
        }
    }

    public override void Two(Int8TileArguments* a)
    {
        One(a);
        var second = *a;
        second.X0 = a->X1;
        second.Y0 = a->Y1;
        One(&second);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public override void Three(Int8TileArguments* a)
    {
        var panel = a->Panel;
        var scales = (float*)(a->Panel + Int8Panel<TFormat>.LevelBytes);
        nint recordBytes = Int8Panel<TFormat>.RecordBytes; // asked for once: within the loops it would be a call
        for (var group = 0; group < 4; group++, panel += 512, scales += 16)
        {
            var sum00 = Vector256<float>.Zero;
            var sum01 = Vector256<float>.Zero;
            var sum10 = Vector256<float>.Zero;
            var sum11 = Vector256<float>.Zero;
            var sum20 = Vector256<float>.Zero;
            var sum21 = Vector256<float>.Zero;
            if (a->Accumulate != 0)
            {
                sum00 = Vector256.Load(a->Y0 + (16 * group));
                sum01 = Vector256.Load(a->Y0 + (16 * group) + 8);
                sum10 = Vector256.Load(a->Y1 + (16 * group));
                sum11 = Vector256.Load(a->Y1 + (16 * group) + 8);
                sum20 = Vector256.Load(a->Y2 + (16 * group));
                sum21 = Vector256.Load(a->Y2 + (16 * group) + 8);
            }

            var record = panel;
            var recordScales = scales;
            var x0 = a->X0;
            var x1 = a->X1;
            var x2 = a->X2;
            for (var block = a->Blocks; block > 0; block--)
            {
                var i00 = Start(TFormat.Scales == 1 ? x0->NegativeSum : x0->HalfNegativeSums[0]);
                var i01 = Start(TFormat.Scales == 1 ? x0->NegativeSum : x0->HalfNegativeSums[0]);
                var i10 = Start(TFormat.Scales == 1 ? x1->NegativeSum : x1->HalfNegativeSums[0]);
                var i11 = Start(TFormat.Scales == 1 ? x1->NegativeSum : x1->HalfNegativeSums[0]);
                var i20 = Start(TFormat.Scales == 1 ? x2->NegativeSum : x2->HalfNegativeSums[0]);
                var i21 = Start(TFormat.Scales == 1 ? x2->NegativeSum : x2->HalfNegativeSums[0]);
                for (nint j = 0; j < (TFormat.Scales == 1 ? 8 : 4); j++)
                {
                    var levels0 = Vector256.Load(record + (64 * j));
                    var levels1 = Vector256.Load(record + (64 * j) + 32);
                    var four0 = Vector256.Create(((int*)x0)[j]).AsSByte();
                    i00 = TDot.Add(i00, levels0, four0, FullRange);
                    i01 = TDot.Add(i01, levels1, four0, FullRange);
                    var four1 = Vector256.Create(((int*)x1)[j]).AsSByte();
                    i10 = TDot.Add(i10, levels0, four1, FullRange);
                    i11 = TDot.Add(i11, levels1, four1, FullRange);
                    var four2 = Vector256.Create(((int*)x2)[j]).AsSByte();
                    i20 = TDot.Add(i20, levels0, four2, FullRange);
                    i21 = TDot.Add(i21, levels1, four2, FullRange);
                }

                var scale0 = Vector256.Load(recordScales);
                var scale1 = Vector256.Load(recordScales + 8);
                var t00 = scale0 * Vector256.ConvertToSingle(i00);
                var t01 = scale1 * Vector256.ConvertToSingle(i01);
                var t10 = scale0 * Vector256.ConvertToSingle(i10);
                var t11 = scale1 * Vector256.ConvertToSingle(i11);
                var t20 = scale0 * Vector256.ConvertToSingle(i20);
                var t21 = scale1 * Vector256.ConvertToSingle(i21);
                if (TFormat.Scales == 2)
                {
                    i00 = Start(x0->HalfNegativeSums[1]);
                    i01 = Start(x0->HalfNegativeSums[1]);
                    i10 = Start(x1->HalfNegativeSums[1]);
                    i11 = Start(x1->HalfNegativeSums[1]);
                    i20 = Start(x2->HalfNegativeSums[1]);
                    i21 = Start(x2->HalfNegativeSums[1]);
                    for (nint j = 4; j < 8; j++)
                    {
                        var levels0 = Vector256.Load(record + (64 * j));
                        var levels1 = Vector256.Load(record + (64 * j) + 32);
                        var four0 = Vector256.Create(((int*)x0)[j]).AsSByte();
                        i00 = TDot.Add(i00, levels0, four0, FullRange);
                        i01 = TDot.Add(i01, levels1, four0, FullRange);
                        var four1 = Vector256.Create(((int*)x1)[j]).AsSByte();
                        i10 = TDot.Add(i10, levels0, four1, FullRange);
                        i11 = TDot.Add(i11, levels1, four1, FullRange);
                        var four2 = Vector256.Create(((int*)x2)[j]).AsSByte();
                        i20 = TDot.Add(i20, levels0, four2, FullRange);
                        i21 = TDot.Add(i21, levels1, four2, FullRange);
                    }

                    scale0 = Vector256.Load(recordScales + 64);
                    scale1 = Vector256.Load(recordScales + 64 + 8);
                    t00 = Vector256.FusedMultiplyAdd(scale0, Vector256.ConvertToSingle(i00), t00);
                    t01 = Vector256.FusedMultiplyAdd(scale1, Vector256.ConvertToSingle(i01), t01);
                    t10 = Vector256.FusedMultiplyAdd(scale0, Vector256.ConvertToSingle(i10), t10);
                    t11 = Vector256.FusedMultiplyAdd(scale1, Vector256.ConvertToSingle(i11), t11);
                    t20 = Vector256.FusedMultiplyAdd(scale0, Vector256.ConvertToSingle(i20), t20);
                    t21 = Vector256.FusedMultiplyAdd(scale1, Vector256.ConvertToSingle(i21), t21);
                }

                for (var s = 0; TFormat.HasMinimum && s < TFormat.Scales; s++)
                {
                    var minimum0 = Vector256.Load(recordScales + ((TFormat.Scales + s) * Int8Panel.Outputs));
                    var minimum1 = Vector256.Load(recordScales + ((TFormat.Scales + s) * Int8Panel.Outputs) + 8);
                    var sum0 = Vector256.Create(TFormat.Scales == 1 ? x0->Sum : x0->HalfSums[s]);
                    t00 = Vector256.FusedMultiplyAdd(minimum0, sum0, t00);
                    t01 = Vector256.FusedMultiplyAdd(minimum1, sum0, t01);
                    var sum1 = Vector256.Create(TFormat.Scales == 1 ? x1->Sum : x1->HalfSums[s]);
                    t10 = Vector256.FusedMultiplyAdd(minimum0, sum1, t10);
                    t11 = Vector256.FusedMultiplyAdd(minimum1, sum1, t11);
                    var sum2 = Vector256.Create(TFormat.Scales == 1 ? x2->Sum : x2->HalfSums[s]);
                    t20 = Vector256.FusedMultiplyAdd(minimum0, sum2, t20);
                    t21 = Vector256.FusedMultiplyAdd(minimum1, sum2, t21);
                }

                var scaleX0 = Vector256.Create(x0->Scale);
                sum00 = Vector256.FusedMultiplyAdd(scaleX0, t00, sum00);
                sum01 = Vector256.FusedMultiplyAdd(scaleX0, t01, sum01);
                var scaleX1 = Vector256.Create(x1->Scale);
                sum10 = Vector256.FusedMultiplyAdd(scaleX1, t10, sum10);
                sum11 = Vector256.FusedMultiplyAdd(scaleX1, t11, sum11);
                var scaleX2 = Vector256.Create(x2->Scale);
                sum20 = Vector256.FusedMultiplyAdd(scaleX2, t20, sum20);
                sum21 = Vector256.FusedMultiplyAdd(scaleX2, t21, sum21);

                record += recordBytes;
                recordScales = (float*)((byte*)recordScales + recordBytes);
                x0++;
                x1++;
                x2++;
            }

            sum00.Store(a->Y0 + (16 * group));
            sum01.Store(a->Y0 + (16 * group) + 8);
            sum10.Store(a->Y1 + (16 * group));
            sum11.Store(a->Y1 + (16 * group) + 8);
            sum20.Store(a->Y2 + (16 * group));
            sum21.Store(a->Y2 + (16 * group) + 8);
        }
    }

    /// <summary>What takes the offset of the levels back: −Σ x × 2^shift.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<int> Start(int negativeSum) =>
        TFormat.OffsetShift < 0 || (FullRange && TDot.TakesOffset) ? Vector256<int>.Zero : Vector256.Create(negativeSum << TFormat.OffsetShift);
}
