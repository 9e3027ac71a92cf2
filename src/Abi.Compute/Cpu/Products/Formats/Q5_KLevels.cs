using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Abi.Compute.Formats;

namespace Abi.Compute.Cpu.Products.Formats;

/// <summary>Levels 0 to 31 with a minimum.</summary>
internal readonly unsafe struct Q5_KLevels : ILevelFormat
{
    public static TensorType Type => TensorType.Q5_K;

    public static int BlockLength => 256;

    public static int BlockBytes => 176;

    public static int OffsetShift => -1;

    public static int Scales => 1;

    public static bool HasMinimum => true;

    public static int CodeBits => 5;

    public static ScaleForm ScaleForm => ScaleForm.Super;

    public static void Split(byte* block, sbyte* levels, float* scales, float* minimums) => WholeScales.Split<Q5_KLevels>(block, levels, scales, minimums);

    public static bool HasWholeScales => true;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void SplitWhole(byte* block, sbyte* levels, sbyte* scales, sbyte* minimums)
    {
        WholeScales.Unpack(block + 4, scales, minimums);
        var fifth = Vector256.Load(block + 16);
        for (var pair = 0; pair < 4; pair++, fifth >>= 2)
        {
            var packed = Vector256.Load(block + 48 + (pair * 32));
            ((packed & Vector256.Create((byte)15)) | ((fifth & Vector256<byte>.One) << 4)).AsSByte().Store(levels + (pair * 64));
            ((packed >> 4) | (((fifth >> 1) & Vector256<byte>.One) << 4)).AsSByte().Store(levels + (pair * 64) + 32);
        }
    }

    public static ushort Unit(byte* block) => HalfNumber.Bits(block);

    public static ushort MinimumUnit(byte* block) => HalfNumber.Bits(block + 2);
}
