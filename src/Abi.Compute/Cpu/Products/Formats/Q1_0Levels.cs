using Abi.Compute.Formats;

namespace Abi.Compute.Cpu.Products.Formats;

/// <summary>Levels −1 and 1.</summary>
internal readonly unsafe struct Q1_0Levels : ILevelFormat
{
    public static TensorType Type => TensorType.Q1_0;

    public static int BlockLength => 128;

    public static int BlockBytes => 18;

    public static int OffsetShift => 0;

    public static int Scales => 1;

    public static bool HasMinimum => false;

    public static int CodeBits => 1;

    public static ReadOnlySpan<sbyte> Table => [-1, 1];

    public static ScaleForm ScaleForm => ScaleForm.Half;

    public static void Split(byte* block, sbyte* levels, float* scales, float* minimums)
    {
        new Span<float>(scales, 4).Fill(HalfNumber.Read(block));
        for (var j = 0; j < 128; j++)
        {
            levels[j] = (sbyte)((((block[2 + (j / 8)] >> (j % 8)) & 1) * 2) - 1);
        }
    }
}
