using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
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

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Split(byte* block, sbyte* levels, float* scales, float* minimums)
    {
        new Span<float>(scales, 4).Fill(HalfNumber.Read(block));
        for (var j = 0; j < 8; j++)
        {
            // eight copies of each of two bytes, of which each keeps a bit of its own
            const ulong copies = 0x0101010101010101;
            var bits = Vector128.Create(block[2 + (2 * j)] * copies, block[3 + (2 * j)] * copies).AsByte() & Vector128.Create(0x8040201008040201ul).AsByte();
            var isClear = Vector128.Equals(bits, Vector128<byte>.Zero).AsSByte();
            (Vector128<sbyte>.One + isClear + isClear).Store(levels + (16 * j));
        }
    }
}
