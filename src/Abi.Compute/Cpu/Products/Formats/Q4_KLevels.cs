using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Abi.Compute.Formats;

namespace Abi.Compute.Cpu.Products.Formats;

/// <summary>Levels 0 to 15 with a minimum.</summary>
internal readonly unsafe struct Q4_KLevels : ILevelFormat
{
    public static TensorType Type => TensorType.Q4_K;

    public static int BlockLength => 256;

    public static int BlockBytes => 144;

    public static int OffsetShift => -1;

    public static int Scales => 1;

    public static bool HasMinimum => true;

    public static int CodeBits => 4;

    public static ScaleForm ScaleForm => ScaleForm.Super;

    public static void Split(byte* block, sbyte* levels, float* scales, float* minimums) => WholeScales.Split<Q4_KLevels>(block, levels, scales, minimums);

    public static bool HasWholeScales => true;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void SplitWhole(byte* block, sbyte* levels, sbyte* scales, sbyte* minimums)
    {
        WholeScales.Unpack(block + 4, scales, minimums);
        for (var pair = 0; pair < 4; pair++)
        {
            var packed = Vector256.Load(block + 16 + (pair * 32));
            (packed & Vector256.Create((byte)15)).AsSByte().Store(levels + (pair * 64));
            (packed >> 4).AsSByte().Store(levels + (pair * 64) + 32);
        }
    }

    public static ushort Unit(byte* block) => HalfNumber.Bits(block);

    public static ushort MinimumUnit(byte* block) => HalfNumber.Bits(block + 2);
}
