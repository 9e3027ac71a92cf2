using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Abi.Compute.Cpu.Products.Int8;

/// <summary><see cref="Avx2Dot"/> in 512 bits.</summary>
internal readonly struct Avx512Dot : IInt8Dot<Vector512<int>>
{
    public static string Path => KernelPath.Avx512;

    public static bool TakesOffset => true;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<int> Add(Vector512<int> sum, Vector512<int> levels, Vector512<int> x, bool fullRange)
    {
        var (unsigned, signed) = (levels.AsByte(), x.AsSByte());
        if (fullRange)
        {
            var centred = (unsigned ^ Vector512.Create((byte)0x80)).AsSByte();
            signed = Vector512.ConditionalSelect(Vector512.LessThan(centred, Vector512<sbyte>.Zero), -signed, signed);
            unsigned = Avx512BW.Abs(centred);
        }

        return sum + Avx512BW.MultiplyAddAdjacent(Avx512BW.MultiplyAddAdjacent(unsigned, signed), Vector512<short>.One);
    }
}
