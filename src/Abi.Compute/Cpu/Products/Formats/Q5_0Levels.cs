using System.Runtime.CompilerServices;
using Abi.Compute.Formats;

namespace Abi.Compute.Cpu.Products.Formats;

/// <summary>Levels −16 to 15.</summary>
internal readonly unsafe struct Q5_0Levels : ILevelFormat
{
    public static TensorType Type => TensorType.Q5_0;

    public static int BlockLength => 32;

    public static int BlockBytes => 22;

    public static int OffsetShift => 4;

    public static int Scales => 1;

    public static bool HasMinimum => false;

    public static int CodeBits => 5;

    public static ScaleForm ScaleForm => ScaleForm.Half;

    public static int CodesAt => 6;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Split(byte* block, sbyte* levels, float* scales, float* minimums)
    {
        scales[0] = HalfNumber.Read(block);
        var high = Unsafe.ReadUnaligned<uint>(block + 2);
        for (var j = 0; j < 16; j++)
        {
            levels[j] = (sbyte)(((block[6 + j] & 15) | (int)((high >> j) & 1) << 4) - 16);
            levels[j + 16] = (sbyte)(((block[6 + j] >> 4) | (int)((high >> (j + 16)) & 1) << 4) - 16);
        }
    }
}
