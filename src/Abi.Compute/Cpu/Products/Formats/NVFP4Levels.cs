using Abi.Compute.Formats;

namespace Abi.Compute.Cpu.Products.Formats;

/// <summary>Levels −12 to 12: twice the 4-bit floats, with a scale for 16.</summary>
internal readonly unsafe struct NVFP4Levels : ILevelFormat
{
    public static TensorType Type => TensorType.NVFP4;

    public static int BlockLength => 64;

    public static int BlockBytes => 36;

    public static int OffsetShift => 4;

    public static int Scales => 2;

    public static bool HasMinimum => false;

    public static int CodeBits => 4;

    public static ScaleForm ScaleForm => ScaleForm.Half;

    public static ReadOnlySpan<sbyte> Table => MXFP4.Values;

    public static void Split(byte* block, sbyte* levels, float* scales, float* minimums)
    {
        var values = MXFP4.Values;
        for (var group = 0; group < 4; group++)
        {
            scales[group] = NVFP4.HalfScale(block[group]);
            for (var j = 0; j < 8; j++)
            {
                var q = block[4 + (group * 8) + j];
                levels[(group * 16) + j] = values[q & 15];
                levels[(group * 16) + j + 8] = values[q >> 4];
            }
        }
    }
}
