using System.Runtime.CompilerServices;
using Abi.Compute.Cpu.Kernels;
using Abi.Compute.Cpu.Products.Formats;

namespace Abi.Compute.Cpu.Products.Packing;

/// <summary>The codes of a block of a panel (<see cref="PackedPanel{TFormat}"/>) taken apart in one width of registers: of a group of 16 outputs, as many at once as a register has lanes.</summary>
/// <typeparam name="TFormat">The format of the panel.</typeparam>
/// <typeparam name="TIntegers">A register of integers.</typeparam>
/// <typeparam name="TLanes">How is computed with registers.</typeparam>
/// <typeparam name="TFloats">A register of floats.</typeparam>
internal static unsafe class PackedCodes<TFormat, TIntegers, TLanes, TFloats>
    where TFormat : struct, ILevelFormat
    where TLanes : struct, IIntegerLanes<TIntegers, TFloats>
{
    /// <summary>What <see cref="Levels"/> looks codes up in.</summary>
    public static TIntegers Table()
    {
        var table = PackedPanel<TFormat>.Table();
        return TLanes.LoadBytes((byte*)&table);
    }

    /// <summary>The unsigned levels of vectors <paramref name="j"/>, a constant, and j + 4 of a block, four columns each.</summary>
    /// <param name="codes">The block's codes, from the first output on.</param>
    /// <param name="table">What codes stand for.</param>
    /// <param name="j">0 to 3.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static (TIntegers Low, TIntegers High) Levels(byte* codes, TIntegers table, int j)
    {
        if (TFormat.CodeBits == 8)
        {
            return (TLanes.LoadBytes(codes + (64 * j)), TLanes.LoadBytes(codes + (64 * j) + 256));
        }

        var (low, high) = (TLanes.CreateIntegers(0), TLanes.CreateIntegers(0));
        if ((TFormat.CodeBits & 4) != 0)
        {
            var nibbles = TLanes.LoadBytes(codes + (64 * j));
            var mask = TLanes.CreateIntegers(0x0f0f0f0f);
            (low, high) = (TLanes.And(nibbles, mask), TLanes.And(TLanes.Shift(nibbles, -4), mask));
        }

        if ((TFormat.CodeBits & 2) != 0)
        {
            var shift = TFormat.CodeBits & 4;
            var mask = TLanes.CreateIntegers(0x03030303 << shift);
            low = TLanes.Or(low, TLanes.And(TLanes.Shift(TLanes.LoadBytes(codes + (64 * shift)), shift - (2 * j)), mask));
            high = TLanes.Or(high, TLanes.And(TLanes.Shift(TLanes.LoadBytes(codes + (64 * shift) + 64), shift - (2 * j)), mask));
        }

        if ((TFormat.CodeBits & 1) != 0)
        {
            var shift = TFormat.CodeBits & 6;
            var mask = TLanes.CreateIntegers(0x01010101 << shift);
            var bits = TLanes.LoadBytes(codes + (64 * shift));
            low = TLanes.Or(low, TLanes.And(TLanes.Shift(bits, shift - j), mask));
            high = TLanes.Or(high, TLanes.And(TLanes.Shift(bits, shift - j - 4), mask));
        }

        return TFormat.Table.IsEmpty ? (low, high) : (TLanes.LookUp(table, low), TLanes.LookUp(table, high));
    }
}
