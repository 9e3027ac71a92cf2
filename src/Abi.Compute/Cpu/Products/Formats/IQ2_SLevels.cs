using System.Runtime.CompilerServices;
using Abi.Compute.Formats;

namespace Abi.Compute.Cpu.Products.Formats;

/// <summary>Levels −43 to 43: points of a codebook with signs; a scale for 16.</summary>
internal readonly unsafe struct IQ2_SLevels : ILevelFormat
{
    public static TensorType Type => TensorType.IQ2_S;

    public static int BlockLength => 256;

    public static int BlockBytes => 82;

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
            scales[group] = d * (0.5f + ((block[74 + (group / 2)] >> (group % 2 * 4)) & 15)) * 0.25f;
        }

        for (var l = 0; l < 32; l++)
        {
            var index = block[2 + l] | ((block[66 + (l / 4)] << (8 - (2 * (l % 4)))) & 0x300);
            CodebookLevels.Eight(CodebookGrid.IQ2_S, index, block[34 + l], levels + (l * 8));
        }
    }

    public static ushort Unit(byte* block) => HalfNumber.Bits(block);
}
