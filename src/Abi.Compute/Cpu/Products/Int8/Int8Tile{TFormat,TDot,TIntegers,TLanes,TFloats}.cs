using System.Runtime.CompilerServices;
using Abi.Compute.Cpu.Kernels;
using Abi.Compute.Cpu.Products.Formats;

namespace Abi.Compute.Cpu.Products.Int8;

/// <summary>The tile for one width of registers: two registers of outputs side by side, each row of activations broadcast four columns at a time.</summary>
/// <typeparam name="TFormat">The format of the panel.</typeparam>
/// <typeparam name="TDot">How its levels are multiplied.</typeparam>
/// <typeparam name="TIntegers">A register of integers.</typeparam>
/// <typeparam name="TLanes">How floats are computed with.</typeparam>
/// <typeparam name="TFloats">A register of floats.</typeparam>
internal sealed unsafe class Int8Tile<TFormat, TDot, TIntegers, TLanes, TFloats> : Int8Tile
    where TFormat : struct, ILevelFormat
    where TDot : struct, IInt8Dot<TIntegers>
    where TLanes : struct, ILanes<TFloats>, IIntegerLanes<TIntegers, TFloats>
{
    private const int GroupBytes = 512; // of the levels of 16 outputs
    private const int StepBytes = 64; // of their levels for four columns

    public override string Path => TDot.Path;

    /// <summary>The outputs that are computed together.</summary>
    private static int Together
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => 2 * TLanes.Count;
    }

    /// <summary>From the levels of a first register of outputs to those of the second, which of 16 outputs are in the next group.</summary>
    private static int NextLevels
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => TLanes.Count == 16 ? GroupBytes : 4 * TLanes.Count;
    }

    /// <summary>The steps of four columns that have a scale together.</summary>
    private static int StepsOfScale
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => 8 / TFormat.Scales;
    }

    private static bool FullRange
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => TFormat.OffsetShift == 7;
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public override void One(Int8TileArguments* arguments)
    {
        nint recordBytes = Int8Panel<TFormat>.RecordBytes; // asked for once: within the loops it would be a call
        for (var output = 0; output < Panel.Outputs; output += Together)
        {
            var (levels, scales) = FirstRecord(arguments, output);
            var (a0, a1) = FirstSums(arguments, arguments->Y0 + output);
            var x0 = arguments->X0;
            for (var block = arguments->Blocks; block > 0; block--, levels += recordBytes, scales += recordBytes, x0++)
            {
                TFloats ta0 = TLanes.Create(0), ta1 = ta0;
                for (var s = 0; s < TFormat.Scales; s++)
                {
                    TIntegers ia0 = FirstIntegers(x0, s), ia1 = ia0;
                    for (nint j = s * StepsOfScale; j < (s + 1) * StepsOfScale; j++)
                    {
                        var (levels0, levels1) = (TLanes.LoadBytes((byte*)levels + (StepBytes * j)), TLanes.LoadBytes((byte*)levels + (StepBytes * j) + NextLevels));
                        AddProducts(ref ia0, ref ia1, levels0, levels1, ((int*)x0)[j]);
                    }

                    var (scale0, scale1) = Scales(scales, s);
                    AddScaled(ref ta0, ref ta1, ia0, ia1, scale0, scale1, isFirst: s == 0);
                }

                for (var s = 0; TFormat.HasMinimum && s < TFormat.Scales; s++)
                {
                    var (minimum0, minimum1) = Scales(scales, TFormat.Scales + s);
                    AddMultiple(ref ta0, ref ta1, minimum0, minimum1, Sum(x0, s));
                }

                AddMultiple(ref a0, ref a1, ta0, ta1, x0->Scale);
            }

            Store(a0, a1, arguments->Y0 + output);
        }
    }

    public override void Two(Int8TileArguments* arguments)
    {
        One(arguments);
        var second = *arguments;
        second.X0 = arguments->X1;
        second.Y0 = arguments->Y1;
        One(&second);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public override void Three(Int8TileArguments* arguments)
    {
        nint recordBytes = Int8Panel<TFormat>.RecordBytes; // asked for once: within the loops it would be a call
        for (var output = 0; output < Panel.Outputs; output += Together)
        {
            var (levels, scales) = FirstRecord(arguments, output);
            var (a0, a1) = FirstSums(arguments, arguments->Y0 + output);
            var (b0, b1) = FirstSums(arguments, arguments->Y1 + output);
            var (c0, c1) = FirstSums(arguments, arguments->Y2 + output);
            ActivationBlock* x0 = arguments->X0, x1 = arguments->X1, x2 = arguments->X2;
            for (var block = arguments->Blocks; block > 0; block--, levels += recordBytes, scales += recordBytes, x0++, x1++, x2++)
            {
                TFloats ta0 = TLanes.Create(0), ta1 = ta0, tb0 = ta0, tb1 = ta0, tc0 = ta0, tc1 = ta0;
                for (var s = 0; s < TFormat.Scales; s++)
                {
                    TIntegers ia0 = FirstIntegers(x0, s), ia1 = ia0;
                    TIntegers ib0 = FirstIntegers(x1, s), ib1 = ib0;
                    TIntegers ic0 = FirstIntegers(x2, s), ic1 = ic0;
                    for (nint j = s * StepsOfScale; j < (s + 1) * StepsOfScale; j++)
                    {
                        var (levels0, levels1) = (TLanes.LoadBytes((byte*)levels + (StepBytes * j)), TLanes.LoadBytes((byte*)levels + (StepBytes * j) + NextLevels));
                        AddProducts(ref ia0, ref ia1, levels0, levels1, ((int*)x0)[j]);
                        AddProducts(ref ib0, ref ib1, levels0, levels1, ((int*)x1)[j]);
                        AddProducts(ref ic0, ref ic1, levels0, levels1, ((int*)x2)[j]);
                    }

                    var (scale0, scale1) = Scales(scales, s);
                    AddScaled(ref ta0, ref ta1, ia0, ia1, scale0, scale1, isFirst: s == 0);
                    AddScaled(ref tb0, ref tb1, ib0, ib1, scale0, scale1, isFirst: s == 0);
                    AddScaled(ref tc0, ref tc1, ic0, ic1, scale0, scale1, isFirst: s == 0);
                }

                for (var s = 0; TFormat.HasMinimum && s < TFormat.Scales; s++)
                {
                    var (minimum0, minimum1) = Scales(scales, TFormat.Scales + s);
                    AddMultiple(ref ta0, ref ta1, minimum0, minimum1, Sum(x0, s));
                    AddMultiple(ref tb0, ref tb1, minimum0, minimum1, Sum(x1, s));
                    AddMultiple(ref tc0, ref tc1, minimum0, minimum1, Sum(x2, s));
                }

                AddMultiple(ref a0, ref a1, ta0, ta1, x0->Scale);
                AddMultiple(ref b0, ref b1, tb0, tb1, x1->Scale);
                AddMultiple(ref c0, ref c1, tc0, tc1, x2->Scale);
            }

            Store(a0, a1, arguments->Y0 + output);
            Store(b0, b1, arguments->Y1 + output);
            Store(c0, c1, arguments->Y2 + output);
        }
    }

    /// <summary>The levels of a first record from an output on, and the scales.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static (nint Levels, nint Scales) FirstRecord(Int8TileArguments* arguments, int output)
    {
        var panel = (nint)arguments->Panel;
        return (panel + (output / 16 * GroupBytes) + (output % 16 * 4), panel + Int8Panel<TFormat>.LevelBytes + (output * sizeof(float)));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static (TFloats First, TFloats Second) FirstSums(Int8TileArguments* arguments, float* y) =>
        arguments->Accumulate != 0 ? (TLanes.Load(y), TLanes.Load(y + TLanes.Count)) : (TLanes.Create(0), TLanes.Create(0));

    /// <summary>What takes the offset of the levels back: −Σ x × 2^shift.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static TIntegers FirstIntegers(ActivationBlock* x, int scale) =>
        TLanes.CreateIntegers(TFormat.OffsetShift < 0 || (FullRange && TDot.TakesOffset) ? 0 : (TFormat.Scales == 1 ? x->NegativeSum : x->HalfNegativeSums[scale]) << TFormat.OffsetShift);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void AddProducts(ref TIntegers sum0, ref TIntegers sum1, TIntegers levels0, TIntegers levels1, int four)
    {
        var x = TLanes.CreateIntegers(four);
        sum0 = TDot.Add(sum0, levels0, x, FullRange);
        sum1 = TDot.Add(sum1, levels1, x, FullRange);
    }

    /// <summary>A record's scales or, behind them, minimums.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static (TFloats First, TFloats Second) Scales(nint scales, int index)
    {
        var from = (float*)scales + (index * Panel.Outputs);
        return (TLanes.Load(from), TLanes.Load(from + TLanes.Count));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static float Sum(ActivationBlock* x, int scale) => TFormat.Scales == 1 ? x->Sum : x->HalfSums[scale];

    /// <summary>t = scale × integers of the first scale, then fused t = scale × integers + t.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void AddScaled(ref TFloats t0, ref TFloats t1, TIntegers integers0, TIntegers integers1, TFloats scale0, TFloats scale1, bool isFirst)
    {
        var (i0, i1) = (TLanes.ToFloats(integers0), TLanes.ToFloats(integers1));
        t0 = isFirst ? TLanes.Multiply(scale0, i0) : TLanes.Fma(scale0, i0, t0);
        t1 = isFirst ? TLanes.Multiply(scale1, i1) : TLanes.Fma(scale1, i1, t1);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void AddMultiple(ref TFloats sum0, ref TFloats sum1, TFloats value0, TFloats value1, float factor)
    {
        var factors = TLanes.Create(factor);
        sum0 = TLanes.Fma(value0, factors, sum0);
        sum1 = TLanes.Fma(value1, factors, sum1);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Store(TFloats first, TFloats second, float* to)
    {
        TLanes.Store(first, to);
        TLanes.Store(second, to + TLanes.Count);
    }
}
