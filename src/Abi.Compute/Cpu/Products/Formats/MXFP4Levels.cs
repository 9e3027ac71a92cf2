using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Abi.Compute.Formats;

namespace Abi.Compute.Cpu.Products.Formats;

/// <summary>Levels −12 to 12: twice the 4-bit floats.</summary>
internal readonly unsafe struct MXFP4Levels : ILevelFormat
{
    public static TensorType Type => TensorType.MXFP4;

    public static int BlockLength => 32;

    public static int BlockBytes => 17;

    public static int OffsetShift => 4;

    public static int Scales => 1;

    public static bool HasMinimum => false;

    public static int CodeBits => 4;

    public static ScaleForm ScaleForm => ScaleForm.Power;

    public static int CodesAt => 1;

    public static ReadOnlySpan<sbyte> Table => MXFP4.Values;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Split(byte* block, sbyte* levels, float* scales, float* minimums)
    {
        scales[0] = MXFP4.HalfPower(block[0]);
        var values = Vector128.Create(MXFP4.Values);
        var packed = Vector128.Load(block + 1);
        Vector128.Shuffle(values, (packed & Vector128.Create((byte)15)).AsSByte()).Store(levels);
        Vector128.Shuffle(values, (packed >> 4).AsSByte()).Store(levels + 16);
    }
}
