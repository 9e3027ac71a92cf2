using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Abi.Compute.Formats;

namespace Abi.Compute.Cpu.Products.Formats;

/// <summary>Levels −32 to 31 with a scale for 16.</summary>
internal readonly unsafe struct Q6_KLevels : ILevelFormat
{
    public static TensorType Type => TensorType.Q6_K;

    public static int BlockLength => 256;

    public static int BlockBytes => 210;

    public static int OffsetShift => 5;

    public static int Scales => 2;

    public static bool HasMinimum => false;

    public static int CodeBits => 6;

    public static ScaleForm ScaleForm => ScaleForm.Super;

    public static void Split(byte* block, sbyte* levels, float* scales, float* minimums) => WholeScales.Split<Q6_KLevels>(block, levels, scales, minimums);

    public static bool HasWholeScales => true;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void SplitWhole(byte* block, sbyte* levels, sbyte* scales, sbyte* minimums)
    {
        Vector128.Load((sbyte*)block + 192).Store(scales);
        var (nibble, pair, offset) = (Vector256.Create((byte)15), Vector256.Create((byte)3), Vector256.Create((sbyte)32));
        for (var half = 0; half < 2; half++, levels += 128)
        {
            var (first, second) = (Vector256.Load(block + (half * 64)), Vector256.Load(block + (half * 64) + 32));
            var high = Vector256.Load(block + 128 + (half * 32));
            (((first & nibble) | ((high & pair) << 4)).AsSByte() - offset).Store(levels);
            (((second & nibble) | (((high >> 2) & pair) << 4)).AsSByte() - offset).Store(levels + 32);
            (((first >> 4) | (((high >> 4) & pair) << 4)).AsSByte() - offset).Store(levels + 64);
            (((second >> 4) | ((high >> 6) << 4)).AsSByte() - offset).Store(levels + 96);
        }
    }

    public static ushort Unit(byte* block) => HalfNumber.Bits(block + 208);
}
