using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Abi.Compute.Cpu.Products.Formats;

namespace Abi.Compute.Cpu.Products.Int8;

/// <summary>The tile in vectors of 512 bits: 16 outputs side by side, each row of activations broadcast four columns at a time.</summary>
internal sealed unsafe class Int8Tile512<TFormat, TDot> : Int8Tile
    where TFormat : struct, ILevelFormat
    where TDot : struct, IInt8Dot512
{
    private static bool FullRange => TFormat.OffsetShift == 7;

    public override string Path => KernelPath.Avx512;

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public override void One(Int8TileArguments* a)
    {
        var panel = a->Panel;
        var scales = (float*)(a->Panel + Int8Panel<TFormat>.LevelBytes);
        nint recordBytes = Int8Panel<TFormat>.RecordBytes; // asked for once: within the loops it would be a call
        for (var group = 0; group < 4; group++, panel += 512, scales += 16)
        {
            var sum00 = Vector512<float>.Zero;
            if (a->Accumulate != 0)
            {
                sum00 = Vector512.Load(a->Y0 + (16 * group));
            }

            var record = panel;
            var recordScales = scales;
            var x0 = a->X0;
            for (var block = a->Blocks; block > 0; block--)
            {
                var i00 = Start(TFormat.Scales == 1 ? x0->NegativeSum : x0->HalfNegativeSums[0]);
                for (nint j = 0; j < (TFormat.Scales == 1 ? 8 : 4); j++)
                {
                    var levels0 = Vector512.Load(record + (64 * j));
                    var four0 = Vector512.Create(((int*)x0)[j]).AsSByte();
                    i00 = TDot.Add(i00, levels0, four0, FullRange);
                }

                var scale0 = Vector512.Load(recordScales);
                var t00 = scale0 * Vector512.ConvertToSingle(i00);
                if (TFormat.Scales == 2)
                {
                    i00 = Start(x0->HalfNegativeSums[1]);
                    for (nint j = 4; j < 8; j++)
                    {
                        var levels0 = Vector512.Load(record + (64 * j));
                        var four0 = Vector512.Create(((int*)x0)[j]).AsSByte();
                        i00 = TDot.Add(i00, levels0, four0, FullRange);
                    }

                    scale0 = Vector512.Load(recordScales + 64);
                    t00 = Vector512.FusedMultiplyAdd(scale0, Vector512.ConvertToSingle(i00), t00);
                }

                for (var s = 0; TFormat.HasMinimum && s < TFormat.Scales; s++)
                {
                    var minimum0 = Vector512.Load(recordScales + ((TFormat.Scales + s) * Int8Panel.Outputs));
                    var sum0 = Vector512.Create(TFormat.Scales == 1 ? x0->Sum : x0->HalfSums[s]);
                    t00 = Vector512.FusedMultiplyAdd(minimum0, sum0, t00);
                }

                var scaleX0 = Vector512.Create(x0->Scale);
                sum00 = Vector512.FusedMultiplyAdd(scaleX0, t00, sum00);

                record += recordBytes;
                recordScales = (float*)((byte*)recordScales + recordBytes);
                x0++;
            }

            sum00.Store(a->Y0 + (16 * group));
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
            var sum00 = Vector512<float>.Zero;
            var sum10 = Vector512<float>.Zero;
            var sum20 = Vector512<float>.Zero;
            if (a->Accumulate != 0)
            {
                sum00 = Vector512.Load(a->Y0 + (16 * group));
                sum10 = Vector512.Load(a->Y1 + (16 * group));
                sum20 = Vector512.Load(a->Y2 + (16 * group));
            }

            var record = panel;
            var recordScales = scales;
            var x0 = a->X0;
            var x1 = a->X1;
            var x2 = a->X2;
            for (var block = a->Blocks; block > 0; block--)
            {
                var i00 = Start(TFormat.Scales == 1 ? x0->NegativeSum : x0->HalfNegativeSums[0]);
                var i10 = Start(TFormat.Scales == 1 ? x1->NegativeSum : x1->HalfNegativeSums[0]);
                var i20 = Start(TFormat.Scales == 1 ? x2->NegativeSum : x2->HalfNegativeSums[0]);
                for (nint j = 0; j < (TFormat.Scales == 1 ? 8 : 4); j++)
                {
                    var levels0 = Vector512.Load(record + (64 * j));
                    var four0 = Vector512.Create(((int*)x0)[j]).AsSByte();
                    i00 = TDot.Add(i00, levels0, four0, FullRange);
                    var four1 = Vector512.Create(((int*)x1)[j]).AsSByte();
                    i10 = TDot.Add(i10, levels0, four1, FullRange);
                    var four2 = Vector512.Create(((int*)x2)[j]).AsSByte();
                    i20 = TDot.Add(i20, levels0, four2, FullRange);
                }

                var scale0 = Vector512.Load(recordScales);
                var t00 = scale0 * Vector512.ConvertToSingle(i00);
                var t10 = scale0 * Vector512.ConvertToSingle(i10);
                var t20 = scale0 * Vector512.ConvertToSingle(i20);
                if (TFormat.Scales == 2)
                {
                    i00 = Start(x0->HalfNegativeSums[1]);
                    i10 = Start(x1->HalfNegativeSums[1]);
                    i20 = Start(x2->HalfNegativeSums[1]);
                    for (nint j = 4; j < 8; j++)
                    {
                        var levels0 = Vector512.Load(record + (64 * j));
                        var four0 = Vector512.Create(((int*)x0)[j]).AsSByte();
                        i00 = TDot.Add(i00, levels0, four0, FullRange);
                        var four1 = Vector512.Create(((int*)x1)[j]).AsSByte();
                        i10 = TDot.Add(i10, levels0, four1, FullRange);
                        var four2 = Vector512.Create(((int*)x2)[j]).AsSByte();
                        i20 = TDot.Add(i20, levels0, four2, FullRange);
                    }

                    scale0 = Vector512.Load(recordScales + 64);
                    t00 = Vector512.FusedMultiplyAdd(scale0, Vector512.ConvertToSingle(i00), t00);
                    t10 = Vector512.FusedMultiplyAdd(scale0, Vector512.ConvertToSingle(i10), t10);
                    t20 = Vector512.FusedMultiplyAdd(scale0, Vector512.ConvertToSingle(i20), t20);
                }

                for (var s = 0; TFormat.HasMinimum && s < TFormat.Scales; s++)
                {
                    var minimum0 = Vector512.Load(recordScales + ((TFormat.Scales + s) * Int8Panel.Outputs));
                    var sum0 = Vector512.Create(TFormat.Scales == 1 ? x0->Sum : x0->HalfSums[s]);
                    t00 = Vector512.FusedMultiplyAdd(minimum0, sum0, t00);
                    var sum1 = Vector512.Create(TFormat.Scales == 1 ? x1->Sum : x1->HalfSums[s]);
                    t10 = Vector512.FusedMultiplyAdd(minimum0, sum1, t10);
                    var sum2 = Vector512.Create(TFormat.Scales == 1 ? x2->Sum : x2->HalfSums[s]);
                    t20 = Vector512.FusedMultiplyAdd(minimum0, sum2, t20);
                }

                var scaleX0 = Vector512.Create(x0->Scale);
                sum00 = Vector512.FusedMultiplyAdd(scaleX0, t00, sum00);
                var scaleX1 = Vector512.Create(x1->Scale);
                sum10 = Vector512.FusedMultiplyAdd(scaleX1, t10, sum10);
                var scaleX2 = Vector512.Create(x2->Scale);
                sum20 = Vector512.FusedMultiplyAdd(scaleX2, t20, sum20);

                record += recordBytes;
                recordScales = (float*)((byte*)recordScales + recordBytes);
                x0++;
                x1++;
                x2++;
            }

            sum00.Store(a->Y0 + (16 * group));
            sum10.Store(a->Y1 + (16 * group));
            sum20.Store(a->Y2 + (16 * group));
        }
    }

    /// <summary>What takes the offset of the levels back: −Σ x × 2^shift.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<int> Start(int negativeSum) =>
        TFormat.OffsetShift < 0 || (FullRange && TDot.TakesOffset) ? Vector512<int>.Zero : Vector512.Create(negativeSum << TFormat.OffsetShift);
}
