using System.Runtime.CompilerServices;
using Abi.Compute.Formats;

namespace Abi.Compute.Cpu.Products.Formats;

/// <summary>Levels 0 to 31 with a minimum.</summary>
internal readonly unsafe struct Q5_1Levels : ILevelFormat
{
    public static TensorType Type => TensorType.Q5_1;

    public static int BlockLength => 32;

    public static int BlockBytes => 24;

    public static int OffsetShift => -1;

    public static int Scales => 1;

    public static bool HasMinimum => true;

    public static int CodeBits => 5;

    public static ScaleForm ScaleForm => ScaleForm.Half;

    public static int CodesAt => 8;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Split(byte* block, sbyte* levels, float* scales, float* minimums)
    {
        scales[0] = HalfNumber.Read(block);
        minimums[0] = HalfNumber.Read(block + 2);
        var high = Unsafe.ReadUnaligned<uint>(block + 4);
        for (var j = 0; j < 16; j++)
        {
            levels[j] = (sbyte)((block[8 + j] & 15) | (int)((high >> j) & 1) << 4);
            levels[j + 16] = (sbyte)((block[8 + j] >> 4) | (int)((high >> (j + 16)) & 1) << 4);
        }
    }
}
