using Abi.Compute.Formats;

namespace Abi.Compute.Cpu.Products.Formats;

/// <summary>Levels −12 to 12: twice the 4-bit floats.</summary>
internal readonly unsafe struct MXFP4Levels : ILevelFormat
{
    public static TensorType Type => TensorType.MXFP4;

    public static int BlockLength => 32;

    public static int BlockBytes => 17;

    public static int OffsetShift => 4;

    public static int Scales => 1;

    public static bool HasMinimum => false;

    public static int CodeBits => 4;

    public static ScaleForm ScaleForm => ScaleForm.Power;

    public static ReadOnlySpan<sbyte> Table => MXFP4.Values;

    public static void Split(byte* block, sbyte* levels, float* scales, float* minimums)
    {
        scales[0] = MXFP4.HalfPower(block[0]);
        var values = MXFP4.Values;
        for (var j = 0; j < 16; j++)
        {
            levels[j] = values[block[1 + j] & 15];
            levels[j + 16] = values[block[1 + j] >> 4];
        }
    }
}
