using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Abi.Database.Rows;

namespace Abi.Database.Indexes;

/// <summary>The slots that a reader sees: written at or before its snapshot, not deleted by then, not outlived, and let through by its filter.</summary>
/// <param name="Created">The sequence that wrote a slot.</param>
/// <param name="Deleted">The sequence that deleted it.</param>
/// <param name="Expires">When a slot is outlived, in UTC ticks; null when the collection's records live for ever.</param>
/// <param name="Sequence">The reader's snapshot.</param>
/// <param name="Now">The reader's time, in UTC ticks.</param>
/// <param name="Bits">One bit a slot, or null: what the filter lets through, the above included.</param>
/// <param name="States">Where the slots' vectors stand, or null when none is needed.</param>
[StructLayout(LayoutKind.Auto)]
internal readonly record struct VisibleSlots(SlotSequences Created, SlotSequences Deleted, SlotSequences? Expires, long Sequence, long Now, ulong[]? Bits, SlotArray<SlotState>? States) : ISlotFilter
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool Accepts(int slot)
    {
        if (States is not null && States[slot] == SlotState.None)
        {
            return false;
        }

        if (Bits is not null)
        {
            return slot >> 6 < Bits.Length && (Bits[slot >> 6] >> (slot & 63) & 1) != 0;
        }

        return IsVisible(slot);
    }

    /// <summary>Without the filter and whether there is a vector. What deleted it is read first: a slot gets a new record only after it was made invisible.</summary>
    public bool IsVisible(int slot) => Deleted[slot] > Sequence && Created[slot] <= Sequence && (Expires is null || Expires[slot] > Now);
}
