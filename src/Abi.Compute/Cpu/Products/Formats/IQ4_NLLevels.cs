using System.Runtime.CompilerServices;
using Abi.Compute.Formats;

namespace Abi.Compute.Cpu.Products.Formats;

/// <summary>Levels −127 to 113, from a table.</summary>
internal readonly unsafe struct IQ4_NLLevels : ILevelFormat
{
    public static TensorType Type => TensorType.IQ4_NL;

    public static int BlockLength => 32;

    public static int BlockBytes => 18;

    public static int OffsetShift => 7;

    public static int Scales => 1;

    public static bool HasMinimum => false;

    public static int CodeBits => 4;

    public static ScaleForm ScaleForm => ScaleForm.Half;

    public static int CodesAt => 2;

    public static ReadOnlySpan<sbyte> Table => IQ4_NL.Values;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Split(byte* block, sbyte* levels, float* scales, float* minimums)
    {
        scales[0] = HalfNumber.Read(block);
        var values = IQ4_NL.Values;
        for (var j = 0; j < 16; j++)
        {
            levels[j] = values[block[2 + j] & 15];
            levels[j + 16] = values[block[2 + j] >> 4];
        }
    }
}
