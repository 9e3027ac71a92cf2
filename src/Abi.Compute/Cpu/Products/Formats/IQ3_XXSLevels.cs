using System.Runtime.CompilerServices;
using Abi.Compute.Formats;

namespace Abi.Compute.Cpu.Products.Formats;

/// <summary>Levels −62 to 62: points of a codebook with signs.</summary>
internal readonly unsafe struct IQ3_XXSLevels : ILevelFormat
{
    public static TensorType Type => TensorType.IQ3_XXS;

    public static int BlockLength => 256;

    public static int BlockBytes => 98;

    public static int OffsetShift => 6;

    public static int Scales => 1;

    public static bool HasMinimum => false;

    public static int CodeBits => 4;

    public static ScaleForm ScaleForm => ScaleForm.Super;

    public static ReadOnlySpan<sbyte> Table => CodebookLevels.ThreeBits;

    public static float UnitFactor => 0.25f;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Split(byte* block, sbyte* levels, float* scales, float* minimums)
    {
        var d = HalfNumber.Read(block);
        for (var l = 0; l < 32; l++)
        {
            var packed = Unsafe.ReadUnaligned<uint>(block + 66 + (l / 4 * 4));
            scales[l / 4] = d * (0.5f + (packed >> 28)) * 0.5f;
            var signs = CodebookGrid.Signs((int)(packed >> (7 * (l % 4))) & 127);
            CodebookLevels.Four(CodebookGrid.IQ3_XXS, block[2 + (2 * l)], signs, levels + (l * 8));
            CodebookLevels.Four(CodebookGrid.IQ3_XXS, block[3 + (2 * l)], signs >> 4, levels + (l * 8) + 4);
        }
    }

    public static ushort Unit(byte* block) => HalfNumber.Bits(block);
}
