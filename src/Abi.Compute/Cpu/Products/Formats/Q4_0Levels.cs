using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Abi.Compute.Formats;

namespace Abi.Compute.Cpu.Products.Formats;

/// <summary>Levels −8 to 7.</summary>
internal readonly unsafe struct Q4_0Levels : ILevelFormat
{
    public static TensorType Type => TensorType.Q4_0;

    public static int BlockLength => 32;

    public static int BlockBytes => 18;

    public static int OffsetShift => 3;

    public static int Scales => 1;

    public static bool HasMinimum => false;

    public static int CodeBits => 4;

    public static ScaleForm ScaleForm => ScaleForm.Half;

    public static int CodesAt => 2;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Split(byte* block, sbyte* levels, float* scales, float* minimums)
    {
        scales[0] = HalfNumber.Read(block);
        var packed = Vector128.Load(block + 2);
        ((packed & Vector128.Create((byte)15)).AsSByte() - Vector128.Create((sbyte)8)).Store(levels);
        ((packed >> 4).AsSByte() - Vector128.Create((sbyte)8)).Store(levels + 16);
    }
}
