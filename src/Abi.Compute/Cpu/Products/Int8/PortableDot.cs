using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Abi.Compute.Cpu.Products.Int8;

/// <summary>Nothing but what every machine has: products in 16 bits, which 255 × 127 fits, added up in 32.</summary>
internal readonly struct PortableDot : IInt8Dot<Vector128<int>>
{
    public static string Path => KernelPath.Portable;

    public static bool TakesOffset => false;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<int> Add(Vector128<int> sum, Vector128<int> levels, Vector128<int> x, bool fullRange)
    {
        var (levelsLow, levelsHigh) = Vector128.Widen(levels.AsByte());
        var (xLow, xHigh) = Vector128.Widen(x.AsSByte());
        var low = Pairs(levelsLow.AsInt16() * xLow);
        var high = Pairs(levelsHigh.AsInt16() * xHigh);
        // low is [output 0, 0, 1, 1], high [2, 2, 3, 3]: the halves of each 64 bits are added, then narrowed to [0, 1, 2, 3].
        var lowSums = low.AsInt64() + (low.AsInt64() >>> 32);
        var highSums = high.AsInt64() + (high.AsInt64() >>> 32);
        return sum + Vector128.Narrow(lowSums, highSums);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<int> Pairs(Vector128<short> products)
    {
        var pairs = products.AsInt32();
        return (pairs >> 16) + ((pairs << 16) >> 16);
    }
}
