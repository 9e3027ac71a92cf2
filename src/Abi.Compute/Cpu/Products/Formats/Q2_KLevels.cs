using Abi.Compute.Formats;

namespace Abi.Compute.Cpu.Products.Formats;

/// <summary>Levels 0 to 3 with a scale and a minimum for 16.</summary>
internal readonly unsafe struct Q2_KLevels : ILevelFormat
{
    public static TensorType Type => TensorType.Q2_K;

    public static int BlockLength => 256;

    public static int BlockBytes => 84;

    public static int OffsetShift => -1;

    public static int Scales => 2;

    public static bool HasMinimum => true;

    public static int CodeBits => 2;

    public static ScaleForm ScaleForm => ScaleForm.Super;

    public static void Split(byte* block, sbyte* levels, float* scales, float* minimums)
    {
        var (d, dmin) = (HalfNumber.Read(block + 80), HalfNumber.Read(block + 82));
        for (var group = 0; group < 16; group++)
        {
            scales[group] = d * (block[group] & 15);
            minimums[group] = -dmin * (block[group] >> 4);
        }

        for (var i = 0; i < 256; i++)
        {
            levels[i] = (sbyte)((block[16 + (i / 128 * 32) + (i % 32)] >> (i / 32 % 4 * 2)) & 3);
        }
    }

    public static ushort Unit(byte* block) => HalfNumber.Bits(block + 80);

    public static ushort MinimumUnit(byte* block) => HalfNumber.Bits(block + 82);
}
