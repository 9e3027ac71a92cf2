using Abi.Compute.Formats;

namespace Abi.Compute.Cpu.Products.Formats;

/// <summary>Levels −1 to 1 (a code of 3 gives 2).</summary>
internal readonly unsafe struct TQ2_0Levels : ILevelFormat
{
    public static TensorType Type => TensorType.TQ2_0;

    public static int BlockLength => 256;

    public static int BlockBytes => 66;

    public static int OffsetShift => 0;

    public static int Scales => 1;

    public static bool HasMinimum => false;

    public static int CodeBits => 2;

    public static ScaleForm ScaleForm => ScaleForm.Super;

    public static void Split(byte* block, sbyte* levels, float* scales, float* minimums)
    {
        new Span<float>(scales, 8).Fill(HalfNumber.Read(block + 64));
        for (var i = 0; i < 256; i++)
        {
            levels[i] = (sbyte)(((block[(i / 128 * 32) + (i % 32)] >> (i / 32 % 4 * 2)) & 3) - 1);
        }
    }

    public static ushort Unit(byte* block) => HalfNumber.Bits(block + 64);
}
