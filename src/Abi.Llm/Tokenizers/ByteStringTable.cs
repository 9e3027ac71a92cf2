using System.Runtime.InteropServices;

namespace Abi.Llm.Tokenizers;

/// <summary>Numbers byte strings and finds their numbers again, without making keys: an open-addressing table over one block of bytes.</summary>
internal sealed class ByteStringTable
{
    // Another in each process: a file cannot be made so that its strings collide.
    private static readonly ulong Seed = (ulong)Random.Shared.NextInt64();

    private readonly List<(int Start, int Length)> _entries = [];
    private byte[] _bytes = new byte[1024];
    private int[] _slots = new int[256]; // entry + 1, 0 for empty
    private int _used;

    public int Count => _entries.Count;

    /// <summary>The bytes of an entry.</summary>
    public ReadOnlySpan<byte> this[int entry] => _bytes.AsSpan(_entries[entry].Start, _entries[entry].Length);

    /// <summary>The number of a string; -1 when it is not in the table.</summary>
    public int Find(ReadOnlySpan<byte> key)
    {
        for (var slot = Hash(key) & (_slots.Length - 1); _slots[slot] != 0; slot = (slot + 1) & (_slots.Length - 1))
        {
            if (this[_slots[slot] - 1].SequenceEqual(key))
            {
                return _slots[slot] - 1;
            }
        }

        return -1;
    }

    /// <summary>The number of a string, which is added when it is new.</summary>
    public int Add(ReadOnlySpan<byte> key)
    {
        var found = Find(key);
        if (found >= 0)
        {
            return found;
        }

        if (_bytes.Length - _used < key.Length)
        {
            Array.Resize(ref _bytes, checked(Math.Max(_bytes.Length * 2, _used + key.Length)));
        }

        key.CopyTo(_bytes.AsSpan(_used));
        _entries.Add((_used, key.Length));
        _used += key.Length;
        if (_entries.Count * 2 > _slots.Length)
        {
            Grow();
        }
        else
        {
            Place(_entries.Count - 1);
        }

        return _entries.Count - 1;
    }

    private static int Hash(ReadOnlySpan<byte> key)
    {
        // FNV-1a over 8 bytes at a time: short keys, a table of our own, no need for more.
        var hash = Seed;
        for (; key.Length >= 8; key = key[8..])
        {
            hash = (hash ^ MemoryMarshal.Read<ulong>(key)) * 1099511628211UL;
            hash ^= hash >> 29;
        }

        foreach (var b in key)
        {
            hash = (hash ^ b) * 1099511628211UL;
        }

        return (int)((hash ^ (hash >> 32)) & 0x7fffffff);
    }

    private void Place(int entry)
    {
        var slot = Hash(this[entry]) & (_slots.Length - 1);
        while (_slots[slot] != 0)
        {
            slot = (slot + 1) & (_slots.Length - 1);
        }

        _slots[slot] = entry + 1;
    }

    private void Grow()
    {
        _slots = new int[_slots.Length * 2];
        for (var entry = 0; entry < _entries.Count; entry++)
        {
            Place(entry);
        }
    }
}
