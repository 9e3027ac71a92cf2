using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Abi.Compute.Cpu.Products.Int8;

/// <summary>
/// Pairs in 16 bits, then pairs of pairs. The sum of two products saturates above 15 bits, which levels up to 127 cannot reach; levels that use all 8 bits are made signed, and
/// their signs moved over to the activations.
/// </summary>
internal readonly struct Avx2Dot : IInt8Dot<Vector256<int>>
{
    public static string Path => KernelPath.Avx2;

    public static bool TakesOffset => true;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<int> Add(Vector256<int> sum, Vector256<int> levels, Vector256<int> x, bool fullRange)
    {
        var (unsigned, signed) = (levels.AsByte(), x.AsSByte());
        if (fullRange)
        {
            var centred = (unsigned ^ Vector256.Create((byte)0x80)).AsSByte();
            (unsigned, signed) = (Avx2.Abs(centred), Avx2.Sign(signed, centred));
        }

        return sum + Avx2.MultiplyAddAdjacent(Avx2.MultiplyAddAdjacent(unsigned, signed), Vector256<short>.One);
    }
}
