using Abi.Compute.Formats;

namespace Abi.Compute.Cpu.Products.Formats;

/// <summary>Levels −4 to 3 with a scale for 16.</summary>
internal readonly unsafe struct Q3_KLevels : ILevelFormat
{
    public static TensorType Type => TensorType.Q3_K;

    public static int BlockLength => 256;

    public static int BlockBytes => 110;

    public static int OffsetShift => 2;

    public static int Scales => 2;

    public static bool HasMinimum => false;

    public static int CodeBits => 3;

    public static ScaleForm ScaleForm => ScaleForm.Super;

    public static void Split(byte* block, sbyte* levels, float* scales, float* minimums)
    {
        var d = HalfNumber.Read(block + 108);
        for (var group = 0; group < 16; group++)
        {
            var low = (block[96 + (group % 8)] >> (group / 8 * 4)) & 15;
            scales[group] = d * ((low | (((block[104 + (group % 4)] >> (group / 4 * 2)) & 3) << 4)) - 32);
        }

        for (var i = 0; i < 256; i++)
        {
            var low = (block[32 + (i / 128 * 32) + (i % 32)] >> (i / 32 % 4 * 2)) & 3;
            levels[i] = (sbyte)(low + (((block[i % 32] >> (i / 32)) & 1) << 2) - 4);
        }
    }

    public static ushort Unit(byte* block) => HalfNumber.Bits(block + 108);
}
