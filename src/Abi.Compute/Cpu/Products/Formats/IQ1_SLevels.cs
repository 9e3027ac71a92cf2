using System.Runtime.CompilerServices;
using Abi.Compute.Formats;

namespace Abi.Compute.Cpu.Products.Formats;

/// <summary>Levels −9 to 9: eight times ternary points shifted by ±1/8.</summary>
internal readonly unsafe struct IQ1_SLevels : ILevelFormat
{
    public static TensorType Type => TensorType.IQ1_S;

    public static int BlockLength => 256;

    public static int BlockBytes => 50;

    public static int OffsetShift => 4;

    public static int Scales => 1;

    public static bool HasMinimum => false;

    public static int CodeBits => 3;

    public static ScaleForm ScaleForm => ScaleForm.Super;

    public static ReadOnlySpan<sbyte> Table => CodebookLevels.OneBit;

    public static float UnitFactor => 0.125f;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Split(byte* block, sbyte* levels, float* scales, float* minimums)
    {
        var d = HalfNumber.Read(block);
        for (var l = 0; l < 32; l++)
        {
            var high = Unsafe.ReadUnaligned<ushort>(block + 34 + (l / 4 * 2));
            scales[l / 4] = d * ((2 * ((high >> 12) & 7)) + 1) * 0.125f;
            CodebookLevels.Shifted(block[2 + l] | (((high >> (3 * (l % 4))) & 7) << 8), (high & 0x8000) != 0 ? -1 : 1, levels + (l * 8));
        }
    }

    public static ushort Unit(byte* block) => HalfNumber.Bits(block);
}
