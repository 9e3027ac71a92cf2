using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
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

    public static void Split(byte* block, sbyte* levels, float* scales, float* minimums) => WholeScales.Split<IQ4_XSLevels>(block, levels, scales, minimums);

    public static bool HasWholeScales => true;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void SplitWhole(byte* block, sbyte* levels, sbyte* scales, sbyte* minimums)
    {
        var high = Unsafe.ReadUnaligned<ushort>(block + 2);
        for (var group = 0; group < 8; group++, levels += 32)
        {
            scales[group] = (sbyte)((((block[4 + (group / 2)] >> (group % 2 * 4)) & 15) | (((high >> (2 * group)) & 3) << 4)) - 32);
            var packed = Vector128.Load(block + 8 + (group * 16));
            (packed & Vector128.Create((byte)15)).AsSByte().Store(levels);
            (packed >> 4).AsSByte().Store(levels + 16);
        }
    }

    public static ushort Unit(byte* block) => HalfNumber.Bits(block);
}
