using System.Runtime.CompilerServices;

namespace Abi.Database.Indexes;

/// <summary>A slot with its distance, packed so that packed values order by distance, then by slot: [distance, made to sort as unsigned | slot · 2 + mark].</summary>
internal static class ScoredSlot
{
    public const ulong Mark = 1;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong Pack(float distance, int slot)
    {
        var bits = BitConverter.SingleToUInt32Bits(distance);
        return ((ulong)(bits ^ ((uint)((int)bits >> 31) | 0x8000_0000u)) << 32) | ((uint)slot << 1);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Distance(ulong packed)
    {
        var bits = (uint)(packed >> 32);
        return BitConverter.UInt32BitsToSingle(bits ^ (~(uint)((int)bits >> 31) | 0x8000_0000u));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int Slot(ulong packed) => (int)((uint)packed >> 1);
}
