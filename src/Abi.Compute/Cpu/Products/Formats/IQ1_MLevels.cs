using System.Runtime.CompilerServices;
using Abi.Compute.Formats;

namespace Abi.Compute.Cpu.Products.Formats;

/// <summary>Levels −9 to 9: eight times ternary points shifted by ±1/8; a scale for 16.</summary>
internal readonly unsafe struct IQ1_MLevels : ILevelFormat
{
    public static TensorType Type => TensorType.IQ1_M;

    public static int BlockLength => 256;

    public static int BlockBytes => 56;

    public static int OffsetShift => 4;

    public static int Scales => 2;

    public static bool HasMinimum => false;

    public static int CodeBits => 3;

    public static ScaleForm ScaleForm => ScaleForm.Super;

    public static ReadOnlySpan<sbyte> Table => CodebookLevels.OneBit;

    public static float UnitFactor => 0.125f;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Split(byte* block, sbyte* levels, float* scales, float* minimums)
    {
        var packed = Unsafe.ReadUnaligned<ulong>(block + 48);
        var d = (float)BitConverter.UInt16BitsToHalf(Unit(block));
        for (var l = 0; l < 32; l++)
        {
            scales[l / 2] = d * ((2 * (int)((packed >> ((l / 8 * 16) + (l / 2 % 4 * 3))) & 7)) + 1) * 0.125f;
            var high = (block[32 + (l / 2)] >> (l % 2 * 4)) & 15;
            CodebookLevels.Shifted(block[l] | ((high & 7) << 8), (high & 8) != 0 ? -1 : 1, levels + (l * 8));
        }
    }

    public static ushort Unit(byte* block)
    {
        var packed = Unsafe.ReadUnaligned<ulong>(block + 48);
        return (ushort)(((packed >> 12) & 0xf) | ((packed >> 24) & 0xf0) | ((packed >> 36) & 0xf00) | ((packed >> 48) & 0xf000));
    }
}
