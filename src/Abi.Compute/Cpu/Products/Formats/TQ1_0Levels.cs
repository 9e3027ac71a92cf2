using System.Runtime.CompilerServices;
using Abi.Compute.Formats;

namespace Abi.Compute.Cpu.Products.Formats;

/// <summary>Levels −1 to 1: base-3 digits as fractions of 256, brought out by multiplication.</summary>
internal readonly unsafe struct TQ1_0Levels : ILevelFormat
{
    public static TensorType Type => TensorType.TQ1_0;

    public static int BlockLength => 256;

    public static int BlockBytes => 54;

    public static int OffsetShift => 0;

    public static int Scales => 1;

    public static bool HasMinimum => false;

    public static int CodeBits => 2;

    public static ScaleForm ScaleForm => ScaleForm.Super;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Split(byte* block, sbyte* levels, float* scales, float* minimums)
    {
        new Span<float>(scales, 8).Fill(HalfNumber.Read(block + 52));
        Digits(block, 32, 5, levels);
        Digits(block + 32, 16, 5, levels + 160);
        Digits(block + 48, 4, 4, levels + 240);
    }

    /// <summary>All digits of some bytes, digit by digit.</summary>
    private static void Digits(byte* fractions, int count, int digits, sbyte* levels)
    {
        for (var (digit, power) = (0, 1); digit < digits; digit++, power *= 3)
        {
            for (var j = 0; j < count; j++)
            {
                levels[(digit * count) + j] = (sbyte)(((byte)(fractions[j] * power) * 3 >> 8) - 1);
            }
        }
    }

    public static ushort Unit(byte* block) => HalfNumber.Bits(block + 52);
}
