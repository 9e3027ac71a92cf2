using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Abi.Compute.Formats;

namespace Abi.Compute.Cpu.Products.Formats;

/// <summary>Levels 0 to 3 with a scale and a minimum for 16.</summary>
internal readonly unsafe struct Q2_KLevels : ILevelFormat
{
    public static TensorType Type => TensorType.Q2_K;

    public static int BlockLength => 256;

    public static int BlockBytes => 84;

    public static int OffsetShift => -1;

    public static int Scales => 2;

    public static bool HasMinimum => true;

    public static int CodeBits => 2;

    public static ScaleForm ScaleForm => ScaleForm.Super;

    public static void Split(byte* block, sbyte* levels, float* scales, float* minimums) => WholeScales.Split<Q2_KLevels>(block, levels, scales, minimums);

    public static bool HasWholeScales => true;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void SplitWhole(byte* block, sbyte* levels, sbyte* scales, sbyte* minimums)
    {
        var packed = Vector128.Load(block);
        (packed & Vector128.Create((byte)15)).AsSByte().Store(scales);
        (packed >> 4).AsSByte().Store(minimums);
        for (var half = 0; half < 2; half++)
        {
            var pairs = Vector256.Load(block + 16 + (half * 32));
            for (var j = 0; j < 4; j++, pairs >>= 2, levels += 32)
            {
                (pairs & Vector256.Create((byte)3)).AsSByte().Store(levels);
            }
        }
    }

    public static ushort Unit(byte* block) => HalfNumber.Bits(block + 80);

    public static ushort MinimumUnit(byte* block) => HalfNumber.Bits(block + 82);
}
