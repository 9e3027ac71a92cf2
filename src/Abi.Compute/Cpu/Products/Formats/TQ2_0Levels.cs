using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
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

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Split(byte* block, sbyte* levels, float* scales, float* minimums)
    {
        new Span<float>(scales, 8).Fill(HalfNumber.Read(block + 64));
        for (var half = 0; half < 2; half++)
        {
            var pairs = Vector256.Load(block + (half * 32));
            for (var j = 0; j < 4; j++, pairs >>= 2, levels += 32)
            {
                ((pairs & Vector256.Create((byte)3)).AsSByte() - Vector256<sbyte>.One).Store(levels);
            }
        }
    }

    public static ushort Unit(byte* block) => HalfNumber.Bits(block + 64);
}
