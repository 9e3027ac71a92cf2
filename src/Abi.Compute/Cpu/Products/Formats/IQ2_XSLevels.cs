using System.Runtime.CompilerServices;
using Abi.Compute.Formats;

namespace Abi.Compute.Cpu.Products.Formats;

/// <summary>Levels −43 to 43: points of a codebook with signs; a scale for 16.</summary>
internal readonly unsafe struct IQ2_XSLevels : ILevelFormat
{
    public static TensorType Type => TensorType.IQ2_XS;

    public static int BlockLength => 256;

    public static int BlockBytes => 74;

    public static int OffsetShift => 6;

    public static int Scales => 2;

    public static bool HasMinimum => false;

    public static int CodeBits => 3;

    public static ScaleForm ScaleForm => ScaleForm.Super;

    public static ReadOnlySpan<sbyte> Table => CodebookLevels.TwoBits;

    public static float UnitFactor => 0.125f;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Split(byte* block, sbyte* levels, float* scales, float* minimums)
    {
        var d = HalfNumber.Read(block);
        for (var group = 0; group < 16; group++)
        {
            scales[group] = d * (0.5f + ((block[66 + (group / 2)] >> (group % 2 * 4)) & 15)) * 0.25f;
        }

        for (var l = 0; l < 32; l++)
        {
            var packed = Unsafe.ReadUnaligned<ushort>(block + 2 + (2 * l));
            CodebookLevels.Eight(CodebookGrid.IQ2_XS, packed & 511, CodebookGrid.Signs(packed >> 9), levels + (l * 8));
        }
    }

    public static ushort Unit(byte* block) => HalfNumber.Bits(block);
}
