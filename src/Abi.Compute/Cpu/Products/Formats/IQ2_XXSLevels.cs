using System.Runtime.CompilerServices;
using Abi.Compute.Formats;

namespace Abi.Compute.Cpu.Products.Formats;

/// <summary>Levels −43 to 43: points of a codebook with signs.</summary>
internal readonly unsafe struct IQ2_XXSLevels : ILevelFormat
{
    public static TensorType Type => TensorType.IQ2_XXS;

    public static int BlockLength => 256;

    public static int BlockBytes => 66;

    public static int OffsetShift => 6;

    public static int Scales => 1;

    public static bool HasMinimum => false;

    public static int CodeBits => 3;

    public static ScaleForm ScaleForm => ScaleForm.Super;

    public static ReadOnlySpan<sbyte> Table => CodebookLevels.TwoBits;

    public static float UnitFactor => 0.125f;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Split(byte* block, sbyte* levels, float* scales, float* minimums)
    {
        var d = HalfNumber.Read(block);
        for (var group = 0; group < 8; group++)
        {
            var packed = Unsafe.ReadUnaligned<uint>(block + 2 + (group * 8) + 4);
            scales[group] = d * (0.5f + (packed >> 28)) * 0.25f;
            for (var l = 0; l < 4; l++)
            {
                var signs = CodebookGrid.Signs((int)(packed >> (7 * l)) & 127);
                CodebookLevels.Eight(CodebookGrid.IQ2_XXS, block[2 + (group * 8) + l], signs, levels + (group * 32) + (l * 8));
            }
        }
    }

    public static ushort Unit(byte* block) => HalfNumber.Bits(block);
}
