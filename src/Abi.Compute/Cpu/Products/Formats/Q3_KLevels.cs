using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
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

    public static void Split(byte* block, sbyte* levels, float* scales, float* minimums) => WholeScales.Split<Q3_KLevels>(block, levels, scales, minimums);

    public static bool HasWholeScales => true;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void SplitWhole(byte* block, sbyte* levels, sbyte* scales, sbyte* minimums)
    {
        var (low, high) = (Unsafe.ReadUnaligned<ulong>(block + 96), (ulong)Unsafe.ReadUnaligned<uint>(block + 104));
        const ulong nibbles = 0x0f0f0f0f0f0f0f0f;
        const ulong pairs = 0x0303030303030303;
        var (first, second) = (high | (high >> 2 << 32), (high >> 4) | (high >> 6 << 32));
        (Vector128.Create((low & nibbles) | ((first & pairs) << 4), ((low >> 4) & nibbles) | ((second & pairs) << 4)).AsSByte() - Vector128.Create((sbyte)32)).Store(scales);
        var third = Vector256.Load(block);
        for (var half = 0; half < 2; half++)
        {
            var packed = Vector256.Load(block + 32 + (half * 32));
            for (var j = 0; j < 4; j++, packed >>= 2, third >>= 1, levels += 32)
            {
                (((packed & Vector256.Create((byte)3)) | ((third & Vector256<byte>.One) << 2)).AsSByte() - Vector256.Create((sbyte)4)).Store(levels);
            }
        }
    }

    public static ushort Unit(byte* block) => HalfNumber.Bits(block + 108);
}
