using Abi.Compute.Formats;

namespace Abi.Compute.Cpu.Products.Formats;

/// <summary>Levels −1 to 2.</summary>
internal readonly unsafe struct Q2_0Levels : ILevelFormat
{
    public static TensorType Type => TensorType.Q2_0;

    public static int BlockLength => 64;

    public static int BlockBytes => 18;

    public static int OffsetShift => 0;

    public static int Scales => 1;

    public static bool HasMinimum => false;

    public static int CodeBits => 2;

    public static ScaleForm ScaleForm => ScaleForm.Half;

    public static void Split(byte* block, sbyte* levels, float* scales, float* minimums)
    {
        new Span<float>(scales, 2).Fill(HalfNumber.Read(block));
        for (var j = 0; j < 64; j++)
        {
            levels[j] = (sbyte)(((block[2 + (j / 4)] >> (j % 4 * 2)) & 3) - 1);
        }
    }
}
