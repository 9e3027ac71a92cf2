using Abi.Compute.Formats;

namespace Abi.Compute.Cpu.Products.Formats;

/// <summary>Levels −32 to 31 with a scale for 16.</summary>
internal readonly unsafe struct Q6_KLevels : ILevelFormat
{
    public static TensorType Type => TensorType.Q6_K;

    public static int BlockLength => 256;

    public static int BlockBytes => 210;

    public static int OffsetShift => 5;

    public static int Scales => 2;

    public static bool HasMinimum => false;

    public static int CodeBits => 6;

    public static ScaleForm ScaleForm => ScaleForm.Super;

    public static void Split(byte* block, sbyte* levels, float* scales, float* minimums)
    {
        var d = HalfNumber.Read(block + 208);
        for (var group = 0; group < 16; group++)
        {
            scales[group] = d * (sbyte)block[192 + group];
        }

        for (var i = 0; i < 256; i++)
        {
            var (half, within) = (i / 128, i % 128);
            var low = (block[(half * 64) + (within % 64)] >> (within / 64 * 4)) & 15;
            var high = (block[128 + (half * 32) + (within % 32)] >> (within / 32 * 2)) & 3;
            levels[i] = (sbyte)((low | (high << 4)) - 32);
        }
    }

    public static ushort Unit(byte* block) => HalfNumber.Bits(block + 208);
}
