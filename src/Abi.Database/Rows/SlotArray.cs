namespace Abi.Database.Rows;

/// <summary>One value for each slot of a collection, in chunks that never move. One writer; readers at any time.</summary>
internal sealed class SlotArray<T>(T initial)
{
    public const int Shift = 14;
    public const int ChunkSlots = 1 << Shift;
    public const int Mask = ChunkSlots - 1;

    private T[][] _chunks = [];

    public ref T this[int slot] => ref Volatile.Read(ref _chunks)[slot >> Shift][slot & Mask];

    /// <summary>Whether there is room for a slot.</summary>
    public bool Has(int slot) => slot >> Shift < Volatile.Read(ref _chunks).Length;

    public T[] Chunk(int chunk) => Volatile.Read(ref _chunks)[chunk];

    /// <summary>Makes room for slots below a number.</summary>
    public void Grow(int slots)
    {
        var needed = (slots + Mask) >> Shift;
        if (needed <= _chunks.Length)
        {
            return;
        }

        var grown = new T[needed][];
        _chunks.CopyTo(grown, 0);
        for (var i = _chunks.Length; i < needed; i++)
        {
            grown[i] = GC.AllocateUninitializedArray<T>(ChunkSlots);
            Array.Fill(grown[i], initial);
        }

        Volatile.Write(ref _chunks, grown);
    }
}
