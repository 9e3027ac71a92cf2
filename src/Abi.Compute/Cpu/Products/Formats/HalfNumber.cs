using System.Runtime.CompilerServices;

namespace Abi.Compute.Cpu.Products.Formats;

/// <summary>Half-precision fields of blocks.</summary>
internal static unsafe class HalfNumber
{
    /// <summary>The number at an address of any alignment.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Read(byte* at) => (float)BitConverter.UInt16BitsToHalf(Unsafe.ReadUnaligned<ushort>(at));

    /// <summary>The bits at an address of any alignment.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ushort Bits(byte* at) => Unsafe.ReadUnaligned<ushort>(at);
}
