using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Abi.Compute.Cpu.Kernels;
using Abi.Compute.Cpu.Products.Formats;
using Abi.Compute.Cpu.Products.Packing;

namespace Abi.Compute.Cpu.Products.Int8;

/// <summary><see cref="PackedRow"/> for one width of registers: of a group of 16 outputs, as many at once as a register has lanes.</summary>
/// <typeparam name="TFormat">The format of the panel.</typeparam>
/// <typeparam name="TDot">How its levels are multiplied.</typeparam>
/// <typeparam name="TIntegers">A register of integers.</typeparam>
/// <typeparam name="TLanes">How is computed with registers.</typeparam>
/// <typeparam name="TFloats">A register of floats.</typeparam>
internal sealed unsafe class PackedRow<TFormat, TDot, TIntegers, TLanes, TFloats> : PackedRow
    where TFormat : struct, ILevelFormat
    where TDot : struct, IInt8Dot<TIntegers>
    where TLanes : struct, ILanes<TFloats>, IIntegerLanes<TIntegers, TFloats>
{
    private const int MostStretchFactors = 8; // scales and minimums of a stretch: two blocks of two scales and two minimums, which share bytes, at most

    public override string Path => TDot.Path;

    private static bool FullRange
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => TFormat.OffsetShift == 7;
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public override void Multiply(byte* packed, int blocks, ActivationBlock* x, float* y)
    {
        var layout = PackedPanel<TFormat>.Layout; // asked for once, like what follows: within the loops it would be calls
        nint codeBytes = layout.CodeBytes;
        nint scaleBytes = layout.StretchScaleBytes;
        nint unitBytes = layout.UnitBytes;
        var together = layout.StretchBlocks;
        var factors = layout.Factors * Panel.GroupOutputs;
        var asked = ReadingAhead.IsFor(1);
        var table = PackedCodes<TFormat, TIntegers, TLanes, TFloats>.Table();
        var scales = stackalloc float[MostStretchFactors * Panel.GroupOutputs]; // [blocks of a stretch][scales, then minimums][16 outputs]
        new Span<float>(y, Panel.Outputs).Clear();
        for (var piece = 0; piece < blocks; piece += Int8Panel.MaximumBlocks)
        {
            var end = Math.Min(piece + Int8Panel.MaximumBlocks, blocks);
            for (var group = 0; group < Panel.Outputs; group += Panel.GroupOutputs)
            {
                var units = packed;
                packed += unitBytes;
                for (var block = piece; block < end;)
                {
                    PackedPanel<TFormat>.PrefetchLines(packed, asked ? scaleBytes : 0);
                    UnpackScales(units, packed, Math.Min(together, end - block), scales, factors * sizeof(float));
                    packed += scaleBytes;
                    var blockScales = scales;
                    for (var stretchEnd = Math.Min(block + together, end); block < stretchEnd; block++, packed += codeBytes, blockScales += factors)
                    {
                        PackedPanel<TFormat>.PrefetchLines(packed, asked ? codeBytes : 0);
                        for (var output = 0; output < Panel.GroupOutputs; output += TLanes.Count)
                        {
                            var products = Block(packed + (4 * output), blockScales + output, x + block, table);
                            var to = y + group + output;
                            TLanes.Store(TLanes.Fma(products, TLanes.Create(x[block].Scale), TLanes.Load(to)), to);
                        }
                    }
                }
            }
        }
    }

    /// <summary>In the widest registers that there are: products of bytes may have narrower ones.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void UnpackScales(byte* units, byte* packed, int blocks, float* scales, nint nextBlock)
    {
        if (Vector512.IsHardwareAccelerated)
        {
            PackedScales<TFormat, Vector512<int>, Lanes16, Vector512<float>>.Unpack(units, packed, blocks, scales, Panel.GroupOutputs, nextBlock);
        }
        else
        {
            PackedScales<TFormat, TIntegers, TLanes, TFloats>.Unpack(units, packed, blocks, scales, Panel.GroupOutputs, nextBlock);
        }
    }

    /// <summary>What a block of 32 columns adds to the outputs, without the scale of the activations.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static TFloats Block(byte* codes, float* scales, ActivationBlock* x, TIntegers table)
    {
        var (first, second) = (FirstIntegers(x, 0), FirstIntegers(x, 1));
        AddProducts(ref first, ref second, codes, table, x, 0);
        AddProducts(ref first, ref second, codes, table, x, 1);
        AddProducts(ref first, ref second, codes, table, x, 2);
        AddProducts(ref first, ref second, codes, table, x, 3);
        var result = TFormat.Scales == 1
            ? TLanes.Multiply(TLanes.Load(scales), TLanes.ToFloats(TLanes.Add(first, second)))
            : TLanes.Fma(TLanes.Load(scales + Panel.GroupOutputs), TLanes.ToFloats(second), TLanes.Multiply(TLanes.Load(scales), TLanes.ToFloats(first)));
        for (var s = 0; TFormat.HasMinimum && s < TFormat.Scales; s++)
        {
            var sum = TFormat.Scales == 1 ? x->Sum : x->HalfSums[s];
            result = TLanes.Fma(TLanes.Load(scales + ((TFormat.Scales + s) * Panel.GroupOutputs)), TLanes.Create(sum), result);
        }

        return result;
    }

    /// <summary>What takes the offset of the levels back, for the first 16 columns and the others, or for all with the first.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static TIntegers FirstIntegers(ActivationBlock* x, int half)
    {
        if (TFormat.OffsetShift < 0 || (FullRange && TDot.TakesOffset) || (TFormat.Scales == 1 && half == 1))
        {
            return TLanes.CreateIntegers(0);
        }

        return TLanes.CreateIntegers((TFormat.Scales == 1 ? x->NegativeSum : x->HalfNegativeSums[half]) << TFormat.OffsetShift);
    }

    /// <summary>Vectors <paramref name="j"/>, a constant, and j + 4 of a block, four columns each.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void AddProducts(ref TIntegers first, ref TIntegers second, byte* codes, TIntegers table, ActivationBlock* x, int j)
    {
        var (low, high) = PackedCodes<TFormat, TIntegers, TLanes, TFloats>.Levels(codes, table, j);
        first = TDot.Add(first, low, TLanes.CreateIntegers(((int*)x)[j]), FullRange);
        second = TDot.Add(second, high, TLanes.CreateIntegers(((int*)x)[j + 4]), FullRange);
    }
}
