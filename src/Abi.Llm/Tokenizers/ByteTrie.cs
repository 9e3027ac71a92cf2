namespace Abi.Llm.Tokenizers;

/// <summary>A trie of byte strings; children of all nodes lie in one hash table, so that a hostile vocabulary costs no more than its own bytes.</summary>
internal sealed class ByteTrie
{
    // Odd, and another in each process: a file cannot be made so that its tokens collide.
    private static readonly ulong Seed = (ulong)Random.Shared.NextInt64() | 0x4000_0000_0000_0001;

    private readonly List<int> _values = [-1];
    private ulong[] _keys = new ulong[1024]; // (node << 8 | byte) + 1; 0 for empty
    private int[] _nodes = new int[1024];
    private int _count;

    public bool IsEmpty => _count == 0;

    public void Add(ReadOnlySpan<byte> text, int value)
    {
        var node = 0;
        foreach (var b in text)
        {
            var next = Next(node, b);
            if (next < 0)
            {
                next = _values.Count;
                _values.Add(-1);
                Insert((((ulong)node << 8) | b) + 1, next);
            }

            node = next;
        }

        if (node > 0)
        {
            _values[node] = value;
        }
    }

    /// <summary>Adds a token's text, unless it is too long to be looked for.</summary>
    public void AddMatchable(ReadOnlySpan<byte> text, int value)
    {
        if (text.Length <= Vocabulary.LongestMatch)
        {
            Add(text, value);
        }
    }

    /// <summary>The child of a node; -1 when there is none.</summary>
    public int Next(int node, byte b)
    {
        var key = (((ulong)node << 8) | b) + 1;
        for (var slot = Slot(key); _keys[slot] != 0; slot = (slot + 1) & (_keys.Length - 1))
        {
            if (_keys[slot] == key)
            {
                return _nodes[slot];
            }
        }

        return -1;
    }

    /// <summary>The value at a node; -1 when no string ends there.</summary>
    public int Value(int node) => _values[node];

    /// <summary>The length of the longest string that the text begins with, and its value; 0 when there is none.</summary>
    public int LongestPrefix(ReadOnlySpan<byte> text, out int value)
    {
        var (node, length) = (0, 0);
        value = -1;
        for (var i = 0; i < text.Length && (node = Next(node, text[i])) >= 0; i++)
        {
            if (_values[node] >= 0)
            {
                (length, value) = (i + 1, _values[node]);
            }
        }

        return length;
    }

    private int Slot(ulong key) => (int)((key * Seed) >> 33) & (_keys.Length - 1);

    private void Insert(ulong key, int node)
    {
        if (2 * (_count + 1) > _keys.Length)
        {
            var (keys, nodes) = (_keys, _nodes);
            (_keys, _nodes) = (new ulong[keys.Length * 2], new int[keys.Length * 2]);
            for (var i = 0; i < keys.Length; i++)
            {
                if (keys[i] != 0)
                {
                    Place(keys[i], nodes[i]);
                }
            }
        }

        Place(key, node);
        _count++;
    }

    private void Place(ulong key, int node)
    {
        var slot = Slot(key);
        while (_keys[slot] != 0)
        {
            slot = (slot + 1) & (_keys.Length - 1);
        }

        (_keys[slot], _nodes[slot]) = (key, node);
    }
}
