using System.Runtime.CompilerServices;
using Abi.Compute.Formats;

namespace Abi.Compute.Cpu.Products.Formats;

/// <summary>Levels −128 to 127; the sums are for activations.</summary>
internal readonly unsafe struct Q8_1Levels : ILevelFormat
{
    public static TensorType Type => TensorType.Q8_1;

    public static int BlockLength => 32;

    public static int BlockBytes => 36;

    public static int OffsetShift => 7;

    public static int Scales => 1;

    public static bool HasMinimum => false;

    public static int CodeBits => 8;

    public static ScaleForm ScaleForm => ScaleForm.Half;

    public static int CodesAt => 4;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Split(byte* block, sbyte* levels, float* scales, float* minimums)
    {
        scales[0] = HalfNumber.Read(block);
        Unsafe.CopyBlockUnaligned(levels, block + 4, 32);
    }
}
