namespace Abi.Database.Indexes;

/// <summary>The slots of one cell and their codes. One writer at a time; a reader takes <see cref="Content"/> once.</summary>
internal sealed class InvertedList(int codeBytes)
{
    private Entries _content = new(0, codeBytes);

    public Entries Content => Volatile.Read(ref _content);

    /// <summary>Adds a slot. Under a lock of the caller.</summary>
    public void Add(int slot, ReadOnlySpan<byte> code)
    {
        var content = _content;
        if (content.Count == content.Slots.Length)
        {
            var larger = new Entries(Math.Max(4, content.Count + (content.Count / 2)), codeBytes);
            content.Slots.CopyTo(larger.Slots, 0);
            content.Codes.CopyTo(larger.Codes, 0);
            larger.Count = content.Count;
            content = larger;
        }

        content.Slots[content.Count] = slot;
        code.CopyTo(content.Codes.AsSpan(content.Count * codeBytes));
        content.Count++;
        Volatile.Write(ref _content, content);
    }

    /// <summary>Takes slots out. Under a lock of the caller.</summary>
    /// <returns>How many.</returns>
    public int Remove(bool[] isRemoved)
    {
        var content = _content;
        var kept = 0;
        for (var i = 0; i < content.Count; i++)
        {
            kept += isRemoved[content.Slots[i]] ? 0 : 1;
        }

        if (kept == content.Count)
        {
            return 0;
        }

        var smaller = new Entries(kept, codeBytes);
        for (var i = 0; i < content.Count; i++)
        {
            if (!isRemoved[content.Slots[i]])
            {
                smaller.Slots[smaller.Count] = content.Slots[i];
                content.Codes.AsSpan(i * codeBytes, codeBytes).CopyTo(smaller.Codes.AsSpan(smaller.Count * codeBytes));
                smaller.Count++;
            }
        }

        Volatile.Write(ref _content, smaller);
        return content.Count - kept;
    }

    /// <summary>What a list holds: entries below <see cref="Count"/> never change.</summary>
    internal sealed class Entries(int capacity, int codeBytes)
    {
        private int _count;

        public int[] Slots { get; } = new int[capacity];

        public byte[] Codes { get; } = new byte[capacity * codeBytes];

        public int Count
        {
            get => Volatile.Read(ref _count);
            set => Volatile.Write(ref _count, value);
        }
    }
}
