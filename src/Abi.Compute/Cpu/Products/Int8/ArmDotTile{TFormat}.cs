using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.Arm;
using Abi.Compute.Cpu.Kernels;
using Abi.Compute.Cpu.Products.Formats;

namespace Abi.Compute.Cpu.Products.Int8;

/// <summary>
/// The tile for ARM's product of four bytes. The instruction takes four columns out of a register of 16, so that activations need not be spread over lanes; 16 outputs × three
/// rows are summed at once: twelve sums that do not wait for each other, which fit 32 registers together with all that they are made of.
/// </summary>
/// <typeparam name="TFormat">The format of the panel.</typeparam>
internal sealed unsafe class ArmDotTile<TFormat> : Int8Tile
    where TFormat : struct, ILevelFormat
{
    private const int StepBytes = 4 * Panel.GroupOutputs; // of the levels of 16 outputs for four columns
    private const int HalfBytes = 4 * StepBytes; // for 16 columns
    private const int HalfColumns = ActivationBlock.Columns / 2;

    private readonly Int8Tile<TFormat, ArmDot, Vector128<int>, Lanes4, Vector128<float>> _few = new();

    public override string Path => KernelPath.ArmDot;

    private static bool FullRange
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => TFormat.OffsetShift == 7;
    }

    public override void One(Int8TileArguments* arguments) => _few.One(arguments);

    public override void Two(Int8TileArguments* arguments) => _few.Two(arguments);

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public override void Three(Int8TileArguments* arguments)
    {
        nint recordBytes = Int8Panel<TFormat>.RecordBytes;
        var first = stackalloc float[3 * Panel.GroupOutputs]; // of formats with two scales, what the first 16 columns of a block give: [rows][16 outputs]
        for (var group = 0; group < Panel.Outputs; group += Panel.GroupOutputs)
        {
            var levels = arguments->Panel + (group * ActivationBlock.Columns);
            var scales = (float*)(arguments->Panel + Int8Panel<TFormat>.LevelBytes) + group;
            float* y0 = arguments->Y0 + group, y1 = arguments->Y1 + group, y2 = arguments->Y2 + group;
            if (arguments->Accumulate == 0)
            {
                Clear(y0);
                Clear(y1);
                Clear(y2);
            }

            ActivationBlock* x0 = arguments->X0, x1 = arguments->X1, x2 = arguments->X2;
            for (var block = arguments->Blocks; block > 0; block--, levels += recordBytes, scales = (float*)((byte*)scales + recordBytes), x0++, x1++, x2++)
            {
                if (TFormat.Scales == 2)
                {
                    Integers a = FirstIntegers(x0, 0), b = FirstIntegers(x1, 0), c = FirstIntegers(x2, 0);
                    AddHalf(ref a, ref b, ref c, levels, x0->Levels, x1->Levels, x2->Levels);
                    Keep(a, scales, first);
                    Keep(b, scales, first + Panel.GroupOutputs);
                    Keep(c, scales, first + (2 * Panel.GroupOutputs));
                }

                Integers i0 = FirstIntegers(x0, TFormat.Scales - 1), i1 = FirstIntegers(x1, TFormat.Scales - 1), i2 = FirstIntegers(x2, TFormat.Scales - 1);
                if (TFormat.Scales == 1)
                {
                    AddHalf(ref i0, ref i1, ref i2, levels, x0->Levels, x1->Levels, x2->Levels);
                }

                AddHalf(ref i0, ref i1, ref i2, levels + HalfBytes, x0->Levels + HalfColumns, x1->Levels + HalfColumns, x2->Levels + HalfColumns);
                AddBlock(i0, scales, first, x0, y0);
                AddBlock(i1, scales, first + Panel.GroupOutputs, x1, y1);
                AddBlock(i2, scales, first + (2 * Panel.GroupOutputs), x2, y2);
            }
        }
    }

    private static void Clear(float* y) => new Span<float>(y, Panel.GroupOutputs).Clear();

    /// <summary>What takes the offset of the levels back: −Σ x × 2^shift.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Integers FirstIntegers(ActivationBlock* x, int scale)
    {
        var all = Vector128.Create(TFormat.OffsetShift < 0 || FullRange ? 0 : (TFormat.Scales == 1 ? x->NegativeSum : x->HalfNegativeSums[scale]) << TFormat.OffsetShift);
        return new Integers { First = all, Second = all, Third = all, Fourth = all };
    }

    /// <summary>Adds the products of 16 columns for three rows.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void AddHalf(ref Integers a, ref Integers b, ref Integers c, byte* levels, sbyte* x0, sbyte* x1, sbyte* x2)
    {
        Vector128<sbyte> xa = Vector128.Load(x0), xb = Vector128.Load(x1), xc = Vector128.Load(x2);
        AddStep(ref a, ref b, ref c, levels, xa, xb, xc, 0);
        AddStep(ref a, ref b, ref c, levels, xa, xb, xc, 1);
        AddStep(ref a, ref b, ref c, levels, xa, xb, xc, 2);
        AddStep(ref a, ref b, ref c, levels, xa, xb, xc, 3);
    }

    /// <summary>Adds the products of four columns, which are the same four bytes of each row's register.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void AddStep(
        ref Integers a, ref Integers b, ref Integers c, byte* levels, Vector128<sbyte> xa, Vector128<sbyte> xb, Vector128<sbyte> xc, [ConstantExpected(Max = (byte)3)] byte step)
    {
        var from = (int*)(levels + (step * StepBytes));
        var (first, second) = (ArmDot.Signed(Vector128.Load(from), FullRange), ArmDot.Signed(Vector128.Load(from + 4), FullRange));
        var (third, fourth) = (ArmDot.Signed(Vector128.Load(from + 8), FullRange), ArmDot.Signed(Vector128.Load(from + 12), FullRange));
        a.First = Dp.DotProductBySelectedQuadruplet(a.First, first, xa, step);
        b.First = Dp.DotProductBySelectedQuadruplet(b.First, first, xb, step);
        c.First = Dp.DotProductBySelectedQuadruplet(c.First, first, xc, step);
        a.Second = Dp.DotProductBySelectedQuadruplet(a.Second, second, xa, step);
        b.Second = Dp.DotProductBySelectedQuadruplet(b.Second, second, xb, step);
        c.Second = Dp.DotProductBySelectedQuadruplet(c.Second, second, xc, step);
        a.Third = Dp.DotProductBySelectedQuadruplet(a.Third, third, xa, step);
        b.Third = Dp.DotProductBySelectedQuadruplet(b.Third, third, xb, step);
        c.Third = Dp.DotProductBySelectedQuadruplet(c.Third, third, xc, step);
        a.Fourth = Dp.DotProductBySelectedQuadruplet(a.Fourth, fourth, xa, step);
        b.Fourth = Dp.DotProductBySelectedQuadruplet(b.Fourth, fourth, xb, step);
        c.Fourth = Dp.DotProductBySelectedQuadruplet(c.Fourth, fourth, xc, step);
    }

    /// <summary>t = scale₀ × integers.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Keep(Integers integers, float* scales, float* first)
    {
        (Vector128.Load(scales) * Vector128.ConvertToSingle(integers.First)).Store(first);
        (Vector128.Load(scales + 4) * Vector128.ConvertToSingle(integers.Second)).Store(first + 4);
        (Vector128.Load(scales + 8) * Vector128.ConvertToSingle(integers.Third)).Store(first + 8);
        (Vector128.Load(scales + 12) * Vector128.ConvertToSingle(integers.Fourth)).Store(first + 12);
    }

    /// <summary>Adds a block to a row's outputs.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void AddBlock(Integers integers, float* scales, float* first, ActivationBlock* x, float* y)
    {
        AddBlock(integers.First, scales, first, x, y);
        AddBlock(integers.Second, scales + 4, first + 4, x, y + 4);
        AddBlock(integers.Third, scales + 8, first + 8, x, y + 8);
        AddBlock(integers.Fourth, scales + 12, first + 12, x, y + 12);
    }

    /// <summary>With the last scale, then the minimums: as <see cref="Int8TileReference{TFormat}"/> says it.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void AddBlock(Vector128<int> integers, float* scales, float* first, ActivationBlock* x, float* y)
    {
        var floats = Vector128.ConvertToSingle(integers);
        var t = TFormat.Scales == 1
            ? Vector128.Load(scales) * floats
            : Vector128.FusedMultiplyAdd(Vector128.Load(scales + Panel.Outputs), floats, Vector128.Load(first));
        for (var s = 0; TFormat.HasMinimum && s < TFormat.Scales; s++)
        {
            var sum = Vector128.Create(TFormat.Scales == 1 ? x->Sum : x->HalfSums[s]);
            t = Vector128.FusedMultiplyAdd(Vector128.Load(scales + ((TFormat.Scales + s) * Panel.Outputs)), sum, t);
        }

        Vector128.FusedMultiplyAdd(t, Vector128.Create(x->Scale), Vector128.Load(y)).Store(y);
    }

    /// <summary>The sums of a row for 16 outputs, in four registers.</summary>
    private struct Integers
    {
        public Vector128<int> First;
        public Vector128<int> Second;
        public Vector128<int> Third;
        public Vector128<int> Fourth;
    }
}
