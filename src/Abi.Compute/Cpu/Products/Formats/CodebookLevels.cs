using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Abi.Compute.Formats;

namespace Abi.Compute.Cpu.Products.Formats;

/// <summary>Points of codebooks as levels, eight bytes at a time.</summary>
internal static unsafe class CodebookLevels
{
    /// <summary>0xff for each set bit of a byte.</summary>
    private static readonly ulong[] Masks = CreateMasks();

    /// <summary>The levels of points of IQ2 formats.</summary>
    public static ReadOnlySpan<sbyte> TwoBits => [8, 25, 43, -8, -25, -43, 0];

    /// <summary>The levels of points of IQ3_XXS.</summary>
    public static ReadOnlySpan<sbyte> ThreeBits => [4, 12, 20, 28, 36, 44, 52, 62, -4, -12, -20, -28, -36, -44, -52, -62];

    /// <summary>The levels of points of IQ3_S.</summary>
    public static ReadOnlySpan<sbyte> OddBits => [1, 3, 5, 7, 9, 11, 13, 15, -1, -3, -5, -7, -9, -11, -13, -15];

    /// <summary>The levels of points of IQ1 formats.</summary>
    public static ReadOnlySpan<sbyte> OneBit => [-9, -7, -1, 1, 7, 9];

    /// <summary>A point of 8 with bit j of <paramref name="signs"/> negating its element j.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Eight(sbyte[] grid, int point, int signs, sbyte* levels)
    {
        var magnitudes = Unsafe.ReadUnaligned<ulong>(ref Unsafe.As<sbyte, byte>(ref Unsafe.Add(ref MemoryMarshal.GetArrayDataReference(grid), point * 8)));
        Unsafe.WriteUnaligned(levels, Negate(magnitudes, Masks[signs & 255]));
    }

    /// <summary>A point of 4 with bit j of <paramref name="signs"/> negating its element j.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Four(sbyte[] grid, int point, int signs, sbyte* levels)
    {
        var magnitudes = Unsafe.ReadUnaligned<uint>(ref Unsafe.As<sbyte, byte>(ref Unsafe.Add(ref MemoryMarshal.GetArrayDataReference(grid), point * 4)));
        Unsafe.WriteUnaligned(levels, (uint)Negate(magnitudes, Masks[signs & 15]));
    }

    /// <summary>Eight times a ternary point of 8, plus a shift.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Shifted(int point, int shift, sbyte* levels)
    {
        const ulong signs = 0x8080808080808080;
        var ternary = Unsafe.ReadUnaligned<ulong>(ref Unsafe.As<sbyte, byte>(ref Unsafe.Add(ref MemoryMarshal.GetArrayDataReference(CodebookGrid.IQ1), point * 8)));
        var eights = (ternary << 3) & 0xf8f8f8f8f8f8f8f8;
        var shifts = (byte)shift * 0x0101010101010101ul;
        Unsafe.WriteUnaligned(levels, ((eights & ~signs) + (shifts & ~signs)) ^ ((eights ^ shifts) & signs)); // no byte carries into the next
    }

    /// <summary>Negates the bytes under a mask: none of them is zero, so inverting and adding one never carries.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static ulong Negate(ulong magnitudes, ulong mask) => (magnitudes ^ mask) + (mask & 0x0101010101010101);

    private static ulong[] CreateMasks()
    {
        var masks = new ulong[256];
        for (var bits = 0; bits < masks.Length; bits++)
        {
            for (var j = 0; j < 8; j++)
            {
                masks[bits] |= ((bits >> j) & 1) != 0 ? 0xfful << (8 * j) : 0;
            }
        }

        return masks;
    }
}
