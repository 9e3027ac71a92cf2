using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Abi.Compute.Cpu.Products.Int8;

/// <summary><see cref="Avx2Dot"/> in 512 bits.</summary>
internal readonly struct Avx512Dot : IInt8Dot512
{
    public static bool TakesOffset => true;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<int> Add(Vector512<int> sum, Vector512<byte> levels, Vector512<sbyte> x, bool fullRange)
    {
        if (fullRange)
        {
            var signed = (levels ^ Vector512.Create((byte)0x80)).AsSByte();
            x = Vector512.ConditionalSelect(Vector512.LessThan(signed, Vector512<sbyte>.Zero), -x, x);
            levels = Avx512BW.Abs(signed);
        }

        return sum + Avx512BW.MultiplyAddAdjacent(Avx512BW.MultiplyAddAdjacent(levels, x), Vector512<short>.One);
    }
}
