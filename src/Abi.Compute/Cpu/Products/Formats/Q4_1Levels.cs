using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Abi.Compute.Formats;

namespace Abi.Compute.Cpu.Products.Formats;

/// <summary>Levels 0 to 15 with a minimum.</summary>
internal readonly unsafe struct Q4_1Levels : ILevelFormat
{
    public static TensorType Type => TensorType.Q4_1;

    public static int BlockLength => 32;

    public static int BlockBytes => 20;

    public static int OffsetShift => -1;

    public static int Scales => 1;

    public static bool HasMinimum => true;

    public static int CodeBits => 4;

    public static ScaleForm ScaleForm => ScaleForm.Half;

    public static int CodesAt => 4;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Split(byte* block, sbyte* levels, float* scales, float* minimums)
    {
        scales[0] = HalfNumber.Read(block);
        minimums[0] = HalfNumber.Read(block + 2);
        var packed = Vector128.Load(block + 4);
        (packed & Vector128.Create((byte)15)).AsSByte().Store(levels);
        (packed >> 4).AsSByte().Store(levels + 16);
    }
}
