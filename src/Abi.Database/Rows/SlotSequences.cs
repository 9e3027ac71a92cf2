using System.Runtime.CompilerServices;

namespace Abi.Database.Rows;

/// <summary>A sequence or a time for each slot of a collection, in chunks that are made when one of theirs differs from all others. One writer; readers at any time.</summary>
internal sealed class SlotSequences
{
    /// <summary>What slots have at first.</summary>
    public const long None = long.MaxValue;

    private static readonly long[] NoneChunk = Filled(None);
    private static readonly long[] ZeroChunk = Filled(0);

    private long[][] _chunks = [];

    /// <summary>What a slot has. What was written before it was set is seen by whoever reads it.</summary>
    public long this[int slot]
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => Volatile.Read(ref Volatile.Read(ref _chunks)[slot >> SlotArray<long>.Shift][slot & SlotArray<long>.Mask]);
        set
        {
            ref var chunk = ref _chunks[slot >> SlotArray<long>.Shift];
            if (chunk == NoneChunk || chunk == ZeroChunk)
            {
                if (chunk[slot & SlotArray<long>.Mask] == value)
                {
                    return;
                }

                Volatile.Write(ref chunk, chunk.AsSpan().ToArray());
            }

            Volatile.Write(ref chunk[slot & SlotArray<long>.Mask], value);
        }
    }

    /// <summary>Makes room for slots below a number.</summary>
    public void Grow(int slots)
    {
        var needed = (slots + SlotArray<long>.Mask) >> SlotArray<long>.Shift;
        if (needed <= _chunks.Length)
        {
            return;
        }

        var grown = new long[needed][];
        _chunks.CopyTo(grown, 0);
        grown.AsSpan(_chunks.Length).Fill(NoneChunk);
        Volatile.Write(ref _chunks, grown);
    }

    /// <summary>Sets the slots below a number to 0.</summary>
    public void Clear(int slots)
    {
        _chunks.AsSpan(0, slots >> SlotArray<long>.Shift).Fill(ZeroChunk);
        for (var slot = slots & ~SlotArray<long>.Mask; slot < slots; slot++)
        {
            this[slot] = 0;
        }
    }

    private static long[] Filled(long value)
    {
        var chunk = new long[SlotArray<long>.ChunkSlots];
        Array.Fill(chunk, value);
        return chunk;
    }
}
