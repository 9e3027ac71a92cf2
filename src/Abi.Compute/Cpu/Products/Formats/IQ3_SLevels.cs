using System.Runtime.CompilerServices;
using Abi.Compute.Formats;

namespace Abi.Compute.Cpu.Products.Formats;

/// <summary>Levels −15 to 15: points of a codebook with signs.</summary>
internal readonly unsafe struct IQ3_SLevels : ILevelFormat
{
    public static TensorType Type => TensorType.IQ3_S;

    public static int BlockLength => 256;

    public static int BlockBytes => 110;

    public static int OffsetShift => 4;

    public static int Scales => 1;

    public static bool HasMinimum => false;

    public static int CodeBits => 4;

    public static ScaleForm ScaleForm => ScaleForm.Super;

    public static ReadOnlySpan<sbyte> Table => CodebookLevels.OddBits;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Split(byte* block, sbyte* levels, float* scales, float* minimums)
    {
        var d = HalfNumber.Read(block);
        for (var l = 0; l < 32; l++)
        {
            var (group, high, signs) = (l / 4, block[66 + (l / 4)] >> (2 * l % 8), block[74 + l]);
            scales[group] = d * (1 + (2 * ((block[106 + (group / 2)] >> (group % 2 * 4)) & 15)));
            CodebookLevels.Four(CodebookGrid.IQ3_S, block[2 + (2 * l)] | ((high & 1) << 8), signs, levels + (l * 8));
            CodebookLevels.Four(CodebookGrid.IQ3_S, block[3 + (2 * l)] | ((high & 2) << 7), signs >> 4, levels + (l * 8) + 4);
        }
    }

    public static ushort Unit(byte* block) => HalfNumber.Bits(block);
}
