using System.Runtime.CompilerServices;
using Abi.Compute.Formats;

namespace Abi.Compute.Cpu.Products.Formats;

/// <summary>Levels −128 to 127.</summary>
internal readonly unsafe struct Q8_0Levels : ILevelFormat
{
    public static TensorType Type => TensorType.Q8_0;

    public static int BlockLength => 32;

    public static int BlockBytes => 34;

    public static int OffsetShift => 7;

    public static int Scales => 1;

    public static bool HasMinimum => false;

    public static int CodeBits => 8;

    public static ScaleForm ScaleForm => ScaleForm.Half;

    public static int CodesAt => 2;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Split(byte* block, sbyte* levels, float* scales, float* minimums)
    {
        scales[0] = HalfNumber.Read(block);
        Unsafe.CopyBlockUnaligned(levels, block + 2, 32);
    }
}
