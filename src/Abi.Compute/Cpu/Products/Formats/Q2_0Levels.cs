using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
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

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Split(byte* block, sbyte* levels, float* scales, float* minimums)
    {
        new Span<float>(scales, 2).Fill(HalfNumber.Read(block));
        for (var j = 0; j < 16; j++)
        {
            uint pairs = block[2 + j];
            Unsafe.WriteUnaligned(levels + (4 * j), (pairs | (pairs << 6) | (pairs << 12) | (pairs << 18)) & 0x03030303);
        }

        for (var j = 0; j < 64; j += 32)
        {
            (Vector256.Load(levels + j) - Vector256<sbyte>.One).Store(levels + j);
        }
    }
}
