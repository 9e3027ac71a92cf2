using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Abi.Compute.Cpu.Products.Formats;

namespace Abi.Compute.Cpu.Products.Int8;

/// <summary>The tile in vectors of 128 bits: 4 outputs side by side, each row of activations broadcast four columns at a time.</summary>
internal sealed unsafe class Int8Tile128<TFormat, TDot> : Int8Tile
    where TFormat : struct, ILevelFormat
    where TDot : struct, IInt8Dot128
{
    private static bool FullRange => TFormat.OffsetShift == 7;

    public override string Path => KernelPath.Portable;

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public override void One(Int8TileArguments* a)
    {
        var panel = a->Panel;
        var scales = (float*)(a->Panel + Int8Panel<TFormat>.LevelBytes);
        nint recordBytes = Int8Panel<TFormat>.RecordBytes; // asked for once: within the loops it would be a call
        for (var group = 0; group < 4; group++, panel += 512, scales += 16)
        {
            var sum00 = Vector128<float>.Zero;
            var sum01 = Vector128<float>.Zero;
            var sum02 = Vector128<float>.Zero;
            var sum03 = Vector128<float>.Zero;
            if (a->Accumulate != 0)
            {
                sum00 = Vector128.Load(a->Y0 + (16 * group));
                sum01 = Vector128.Load(a->Y0 + (16 * group) + 4);
                sum02 = Vector128.Load(a->Y0 + (16 * group) + 8);
                sum03 = Vector128.Load(a->Y0 + (16 * group) + 12);
            }

            var record = panel;
            var recordScales = scales;
            var x0 = a->X0;
            for (var block = a->Blocks; block > 0; block--)
            {
                var i00 = Start(TFormat.Scales == 1 ? x0->NegativeSum : x0->HalfNegativeSums[0]);
                var i01 = Start(TFormat.Scales == 1 ? x0->NegativeSum : x0->HalfNegativeSums[0]);
                var i02 = Start(TFormat.Scales == 1 ? x0->NegativeSum : x0->HalfNegativeSums[0]);
                var i03 = Start(TFormat.Scales == 1 ? x0->NegativeSum : x0->HalfNegativeSums[0]);
                for (nint j = 0; j < (TFormat.Scales == 1 ? 8 : 4); j++)
                {
                    var levels0 = Vector128.Load(record + (64 * j));
                    var levels1 = Vector128.Load(record + (64 * j) + 16);
                    var levels2 = Vector128.Load(record + (64 * j) + 32);
                    var levels3 = Vector128.Load(record + (64 * j) + 48);
                    var four0 = Vector128.Create(((int*)x0)[j]).AsSByte();
                    i00 = TDot.Add(i00, levels0, four0, FullRange);
                    i01 = TDot.Add(i01, levels1, four0, FullRange);
                    i02 = TDot.Add(i02, levels2, four0, FullRange);
                    i03 = TDot.Add(i03, levels3, four0, FullRange);
                }

                var scale0 = Vector128.Load(recordScales);
                var scale1 = Vector128.Load(recordScales + 4);
                var scale2 = Vector128.Load(recordScales + 8);
                var scale3 = Vector128.Load(recordScales + 12);
                var t00 = scale0 * Vector128.ConvertToSingle(i00);
                var t01 = scale1 * Vector128.ConvertToSingle(i01);
                var t02 = scale2 * Vector128.ConvertToSingle(i02);
                var t03 = scale3 * Vector128.ConvertToSingle(i03);
                if (TFormat.Scales == 2)
                {
                    i00 = Start(x0->HalfNegativeSums[1]);
                    i01 = Start(x0->HalfNegativeSums[1]);
                    i02 = Start(x0->HalfNegativeSums[1]);
                    i03 = Start(x0->HalfNegativeSums[1]);
                    for (nint j = 4; j < 8; j++)
                    {
                        var levels0 = Vector128.Load(record + (64 * j));
                        var levels1 = Vector128.Load(record + (64 * j) + 16);
                        var levels2 = Vector128.Load(record + (64 * j) + 32);
                        var levels3 = Vector128.Load(record + (64 * j) + 48);
                        var four0 = Vector128.Create(((int*)x0)[j]).AsSByte();
                        i00 = TDot.Add(i00, levels0, four0, FullRange);
                        i01 = TDot.Add(i01, levels1, four0, FullRange);
                        i02 = TDot.Add(i02, levels2, four0, FullRange);
                        i03 = TDot.Add(i03, levels3, four0, FullRange);
                    }

                    scale0 = Vector128.Load(recordScales + 64);
                    scale1 = Vector128.Load(recordScales + 64 + 4);
                    scale2 = Vector128.Load(recordScales + 64 + 8);
                    scale3 = Vector128.Load(recordScales + 64 + 12);
                    t00 = Vector128.FusedMultiplyAdd(scale0, Vector128.ConvertToSingle(i00), t00);
                    t01 = Vector128.FusedMultiplyAdd(scale1, Vector128.ConvertToSingle(i01), t01);
                    t02 = Vector128.FusedMultiplyAdd(scale2, Vector128.ConvertToSingle(i02), t02);
                    t03 = Vector128.FusedMultiplyAdd(scale3, Vector128.ConvertToSingle(i03), t03);
                }

                for (var s = 0; TFormat.HasMinimum && s < TFormat.Scales; s++)
                {
                    var minimum0 = Vector128.Load(recordScales + ((TFormat.Scales + s) * Int8Panel.Outputs));
                    var minimum1 = Vector128.Load(recordScales + ((TFormat.Scales + s) * Int8Panel.Outputs) + 4);
                    var minimum2 = Vector128.Load(recordScales + ((TFormat.Scales + s) * Int8Panel.Outputs) + 8);
                    var minimum3 = Vector128.Load(recordScales + ((TFormat.Scales + s) * Int8Panel.Outputs) + 12);
                    var sum0 = Vector128.Create(TFormat.Scales == 1 ? x0->Sum : x0->HalfSums[s]);
                    t00 = Vector128.FusedMultiplyAdd(minimum0, sum0, t00);
                    t01 = Vector128.FusedMultiplyAdd(minimum1, sum0, t01);
                    t02 = Vector128.FusedMultiplyAdd(minimum2, sum0, t02);
                    t03 = Vector128.FusedMultiplyAdd(minimum3, sum0, t03);
                }

                var scaleX0 = Vector128.Create(x0->Scale);
                sum00 = Vector128.FusedMultiplyAdd(scaleX0, t00, sum00);
                sum01 = Vector128.FusedMultiplyAdd(scaleX0, t01, sum01);
                sum02 = Vector128.FusedMultiplyAdd(scaleX0, t02, sum02);
                sum03 = Vector128.FusedMultiplyAdd(scaleX0, t03, sum03);

                record += recordBytes;
                recordScales = (float*)((byte*)recordScales + recordBytes);
                x0++;
            }

            sum00.Store(a->Y0 + (16 * group));
            sum01.Store(a->Y0 + (16 * group) + 4);
            sum02.Store(a->Y0 + (16 * group) + 8);
            sum03.Store(a->Y0 + (16 * group) + 12);
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

    public override void Three(Int8TileArguments* a)
    {
        Two(a);
        var third = *a;
        third.X0 = a->X2;
        third.Y0 = a->Y2;
        One(&third);
    }

    /// <summary>What takes the offset of the levels back: −Σ x × 2^shift.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<int> Start(int negativeSum) =>
        TFormat.OffsetShift < 0 || (FullRange && TDot.TakesOffset) ? Vector128<int>.Zero : Vector128.Create(negativeSum << TFormat.OffsetShift);
}
