using System.Runtime.CompilerServices;
using Abi.Compute.Formats;

namespace Abi.Compute.Cpu.Products.Formats;

/// <summary>Levels −127 to 113, from the table of IQ4_NL.</summary>
internal readonly unsafe struct IQ4_XSLevels : ILevelFormat
{
    public static TensorType Type => TensorType.IQ4_XS;

    public static int BlockLength => 256;

    public static int BlockBytes => 136;

    public static int OffsetShift => 7;

    public static int Scales => 1;

    public static bool HasMinimum => false;

    public static int CodeBits => 4;

    public static ScaleForm ScaleForm => ScaleForm.Super;

    public static ReadOnlySpan<sbyte> Table => IQ4_NL.Values;

    public static void Split(byte* block, sbyte* levels, float* scales, float* minimums)
    {
        var (d, high) = (HalfNumber.Read(block), Unsafe.ReadUnaligned<ushort>(block + 2));
        var values = IQ4_NL.Values;
        for (var group = 0; group < 8; group++)
        {
            var scale = ((block[4 + (group / 2)] >> (group % 2 * 4)) & 15) | (((high >> (2 * group)) & 3) << 4);
            scales[group] = d * (scale - 32);
            for (var j = 0; j < 16; j++)
            {
                var q = block[8 + (group * 16) + j];
                levels[(group * 32) + j] = values[q & 15];
                levels[(group * 32) + j + 16] = values[q >> 4];
            }
        }
    }

    public static ushort Unit(byte* block) => HalfNumber.Bits(block);
}
