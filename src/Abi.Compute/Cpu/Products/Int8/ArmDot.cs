using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.Arm;

namespace Abi.Compute.Cpu.Products.Int8;

/// <summary>One instruction of ARM (SDOT). It takes signed bytes, which levels up to 127 are; those that use all 8 bits are made signed.</summary>
internal readonly struct ArmDot : IInt8Dot<Vector128<int>>
{
    public static string Path => KernelPath.ArmDot;

    public static bool TakesOffset => true;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<int> Add(Vector128<int> sum, Vector128<int> levels, Vector128<int> x, bool fullRange) => Dp.DotProduct(sum, Signed(levels, fullRange), x.AsSByte());

    /// <summary>The levels as they are multiplied.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<sbyte> Signed(Vector128<int> levels, bool fullRange) => (fullRange ? levels.AsByte() ^ Vector128.Create((byte)0x80) : levels.AsByte()).AsSByte();
}
