using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Abi.Compute.Cpu.Products.Int8;

/// <summary>One instruction, exact for all 8 bits.</summary>
internal readonly struct AvxVnniDot : IInt8Dot<Vector256<int>>
{
    public static string Path => KernelPath.AvxVnni;

    public static bool TakesOffset => false;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<int> Add(Vector256<int> sum, Vector256<int> levels, Vector256<int> x, bool fullRange) =>
        AvxVnni.MultiplyWideningAndAdd(sum, levels.AsByte(), x.AsSByte());
}
