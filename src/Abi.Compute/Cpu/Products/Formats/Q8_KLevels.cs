using System.Runtime.CompilerServices;
using Abi.Compute.Formats;

namespace Abi.Compute.Cpu.Products.Formats;

/// <summary>Levels −128 to 127 with one scale for 256.</summary>
internal readonly unsafe struct Q8_KLevels : ILevelFormat
{
    public static TensorType Type => TensorType.Q8_K;

    public static int BlockLength => 256;

    public static int BlockBytes => 292;

    public static int OffsetShift => 7;

    public static int Scales => 1;

    public static bool HasMinimum => false;

    public static int CodeBits => 8;

    public static ScaleForm ScaleForm => ScaleForm.Single;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Split(byte* block, sbyte* levels, float* scales, float* minimums)
    {
        new Span<float>(scales, 8).Fill(Unsafe.ReadUnaligned<float>(block));
        Unsafe.CopyBlockUnaligned(levels, block + 4, 256);
    }
}
