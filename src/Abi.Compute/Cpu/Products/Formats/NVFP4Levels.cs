using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Abi.Compute.Formats;

namespace Abi.Compute.Cpu.Products.Formats;

/// <summary>Levels −12 to 12: twice the 4-bit floats, with a scale for 16.</summary>
internal readonly unsafe struct NVFP4Levels : ILevelFormat
{
    public static TensorType Type => TensorType.NVFP4;

    public static int BlockLength => 64;

    public static int BlockBytes => 36;

    public static int OffsetShift => 4;

    public static int Scales => 2;

    public static bool HasMinimum => false;

    public static int CodeBits => 4;

    public static ScaleForm ScaleForm => ScaleForm.Half;

    public static ReadOnlySpan<sbyte> Table => MXFP4.Values;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Split(byte* block, sbyte* levels, float* scales, float* minimums)
    {
        var values = Vector128.Create(MXFP4.Values);
        for (var group = 0; group < 4; group++)
        {
            scales[group] = NVFP4.HalfScale(block[group]);
            var packed = Unsafe.ReadUnaligned<ulong>(block + 4 + (group * 8));
            Vector128.Shuffle(values, (Vector128.Create(packed, packed >> 4).AsByte() & Vector128.Create((byte)15)).AsSByte()).Store(levels + (group * 16));
        }
    }
}
