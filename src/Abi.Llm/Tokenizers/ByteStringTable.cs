using System.Numerics;
using System.Runtime.InteropServices;

namespace Abi.Llm.Tokenizers;

/// <summary>Finds the numbers of byte strings, without making keys: an open-addressing table over them.</summary>
/// <param name="strings">The strings; only those that are put into the table are found.</param>
/// <param name="count">How many to make room for; more may come.</param>
internal sealed class ByteStringTable(ByteStrings strings, int count = 64)
{
    // Odd, and another in each process: a file cannot be made so that its strings collide.
    private static readonly ulong Multiplier = (ulong)Random.Shared.NextInt64() | 0x4000_0000_0000_0001;

    private int[] _slots = new int[BitOperations.RoundUpToPowerOf2((uint)Math.Max(2 * count, 64))]; // number + 1, 0 for empty
    private int _used;

    /// <summary>The number of a string; -1 when it is not in the table.</summary>
    public int Find(ReadOnlySpan<byte> key) => _slots[SlotOf(key)] - 1;

    /// <summary>The number of a string, which is added when it is new.</summary>
    public int Add(ReadOnlySpan<byte> key)
    {
        var slot = SlotOf(key);
        if (_slots[slot] == 0)
        {
            Fill(slot, strings.Add(key));
            return strings.Count - 1;
        }

        return _slots[slot] - 1;
    }

    /// <summary>Puts a string into the table to which none is equal there.</summary>
    public void Put(int number) => Fill(SlotOf(strings[number]), number);

    /// <summary>Where a string is or would be.</summary>
    private int SlotOf(ReadOnlySpan<byte> key)
    {
        var slots = _slots;
        // The upper bits of a product come of all bits of its factors.
        var slot = (int)(((Hash(key) >> 32) * (uint)slots.Length) >> 32);
        while (slots[slot] != 0 && !strings[slots[slot] - 1].SequenceEqual(key))
        {
            slot = (slot + 1) & (slots.Length - 1);
        }

        return slot;
    }

    private void Fill(int slot, int number)
    {
        _slots[slot] = number + 1;
        if (++_used * 2 > _slots.Length)
        {
            var before = _slots;
            _slots = new int[before.Length * 2];
            foreach (var entry in before)
            {
                if (entry != 0)
                {
                    _slots[SlotOf(strings[entry - 1])] = entry;
                }
            }
        }
    }

    private static ulong Hash(ReadOnlySpan<byte> key)
    {
        var hash = (ulong)key.Length;
        for (; key.Length > 8; key = key[8..])
        {
            hash = (hash ^ MemoryMarshal.Read<ulong>(key)) * Multiplier;
            hash ^= hash >> 32;
        }

        return (hash ^ Last(key)) * Multiplier;
    }

    /// <summary>Up to 8 bytes as a number; some may count twice.</summary>
    private static ulong Last(ReadOnlySpan<byte> key) => key.Length switch
    {
        8 => MemoryMarshal.Read<ulong>(key),
        >= 4 => MemoryMarshal.Read<uint>(key) | ((ulong)MemoryMarshal.Read<uint>(key[^4..]) << 32),
        > 0 => (uint)(key[0] | (key[key.Length / 2] << 8) | (key[^1] << 16)),
        _ => 0,
    };
}
