using System.Numerics;
using System.Runtime.InteropServices;

namespace Abi.Database.Rows;

/// <summary>
/// From a key's bytes to the slots that have it: open addressing over (hash, slot) pairs, old versions included, so that a reader finds the version of its own snapshot.
/// One writer; readers at any time.
/// </summary>
/// <param name="heap">The payloads.</param>
/// <param name="keyOf">The address of a slot's payload, which begins with the key.</param>
internal sealed class KeyIndex(PayloadHeap heap, SlotArray<nint> keyOf)
{
    private const uint Empty = 0;
    private const uint Removed = uint.MaxValue;

    private ulong[] _table = new ulong[64]; // (hash << 32) | (slot + 1)
    private int _used; // entries that are not empty, removed ones counted
    private int _live;

    /// <summary>Whether a slot counts for whoever looks.</summary>
    public delegate bool SlotPredicate<TState>(int slot, TState state);

    /// <summary>The hash of a key: another one in every process (Marvin), since keys come from outside, and adding many that share a hash takes time that grows with the square of their number.</summary>
    public static uint Hash(ReadOnlySpan<byte> key)
    {
        var hash = (uint)string.GetHashCode(MemoryMarshal.Cast<byte, char>(key), StringComparison.Ordinal);
        return key.Length % sizeof(char) == 0 ? hash : (hash ^ key[^1]) * 0x9E3779B1;
    }

    /// <summary>The first slot with this key that the predicate accepts, or -1.</summary>
    public int Find<TState>(ReadOnlySpan<byte> key, SlotPredicate<TState> accepts, TState state)
    {
        var table = Volatile.Read(ref _table);
        var hash = Hash(key);
        for (var at = (int)(hash & (uint)(table.Length - 1)); ; at = (at + 1) & (table.Length - 1))
        {
            var entry = Volatile.Read(ref table[at]);
            var low = (uint)entry;
            if (low == Empty)
            {
                return -1;
            }

            if (low != Removed && (uint)(entry >> 32) == hash && (int)(low - 1) is var slot && accepts(slot, state) && KeyOf(slot).SequenceEqual(key))
            {
                return slot;
            }
        }
    }

    public void Add(ReadOnlySpan<byte> key, int slot)
    {
        if ((_used + 1) * 5L > _table.Length * 4L)
        {
            Rebuild();
        }

        _used += Insert(_table, Hash(key), slot) ? 1 : 0;
        _live++;
    }

    /// <summary>Takes a slot out that nobody looks for any more.</summary>
    /// <param name="hash">The <see cref="Hash"/> of its key.</param>
    /// <param name="slot">The slot.</param>
    public void Remove(uint hash, int slot)
    {
        for (var at = (int)(hash & (uint)(_table.Length - 1)); (uint)_table[at] != Empty; at = (at + 1) & (_table.Length - 1))
        {
            if ((uint)_table[at] == (uint)slot + 1)
            {
                Volatile.Write(ref _table[at], Removed);
                _live--;
                return;
            }
        }
    }

    /// <summary>Makes room for that many keys.</summary>
    public void Reserve(int keys)
    {
        if (keys * 5L > _table.Length * 4L)
        {
            Resize((int)BitOperations.RoundUpToPowerOf2((uint)Math.Min((keys * 5L / 4) + 1, 1 << 30)));
        }
    }

    // In the first place that is free, so that what is removed and added again and again does not leave a long way behind. Returns whether that was empty.
    private static bool Insert(ulong[] table, uint hash, int slot)
    {
        var at = (int)(hash & (uint)(table.Length - 1));
        while ((uint)table[at] is not Empty and not Removed)
        {
            at = (at + 1) & (table.Length - 1);
        }

        var isEmpty = (uint)table[at] == Empty;
        Volatile.Write(ref table[at], ((ulong)hash << 32) | ((uint)slot + 1));
        return isEmpty;
    }

    private void Rebuild() => Resize((_live + 1) * 5L > _table.Length * 3L ? _table.Length * 2 : _table.Length);

    private void Resize(int length)
    {
        var table = new ulong[length];
        foreach (var entry in _table)
        {
            if ((uint)entry is not Empty and not Removed)
            {
                Insert(table, (uint)(entry >> 32), (int)((uint)entry - 1));
            }
        }

        _used = _live;
        Volatile.Write(ref _table, table);
    }

    private ReadOnlySpan<byte> KeyOf(int slot) => RecordCodec.Key(heap.Read(keyOf[slot]));
}
