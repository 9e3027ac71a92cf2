using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Abi.Database.Encryption;
using Abi.Database.Storage;

namespace Abi.Database.Rows;

/// <summary>
/// Bytes of a fixed length for each slot, outside the managed heap: in chunks of 16,384 slots that never move, of huge pages from the second on, or in a mapped file. Of an encrypted file that is too
/// large to be in memory whole, they are read page by page: such slots have no address.
/// One writer; readers at any time. Memory goes when the column is collected, so whoever reads keeps it alive.
/// </summary>
internal sealed unsafe class NativeColumn
{
    public const int Shift = SlotArray<int>.Shift;
    public const int ChunkSlots = 1 << Shift;
    public const int Mask = ChunkSlots - 1;
    private const int MaximumChunks = 1 << (31 - Shift);
    private const int HugePage = 1 << 21;

    private readonly byte** _chunks; // [MaximumChunks]; zeroed memory that is not touched takes no room
    private readonly List<nint> _owned = [];
    private readonly List<StorageView> _views = []; // kept alive with the column
    private DecryptedFile? _file; // where the slots below PagedSlots stand, from _fileOffset on
    private long _fileOffset;
    private int _foreseenSlots; // those below are in a mapped file of which the system reads nothing ahead

    public NativeColumn(int stride)
    {
        Stride = stride;
        _chunks = (byte**)NativeMemory.AllocZeroed(MaximumChunks, (nuint)sizeof(byte*));
    }

    ~NativeColumn()
    {
        foreach (var address in _owned)
        {
            NativeMemory.AlignedFree((void*)address);
        }

        NativeMemory.Free(_chunks);
    }

    /// <summary>The bytes of a slot.</summary>
    public int Stride { get; }

    /// <summary>The addresses of the chunks, for loops that look rows up by themselves: row = chunks[slot >> Shift] + (slot &amp; Mask) · stride.</summary>
    public byte** Chunks => _chunks;

    /// <summary>The slots below this are read from an encrypted file; they have no address, and nothing is written to them. Whole chunks.</summary>
    public int PagedSlots { get; private set; }

    /// <summary>Bytes of memory taken, mapped files not counted.</summary>
    public long OwnedBytes => (long)_owned.Count * ChunkSlots * Stride;

    /// <summary>The address of a slot that is not paged.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public byte* Row(int slot) => _chunks[slot >> Shift] + ((nint)(slot & Mask) * Stride);

    /// <summary>The bytes of any slot: where they stand, or copied.</summary>
    /// <param name="slot">The slot.</param>
    /// <param name="buffer">Takes them when the slot is paged: [<see cref="Stride"/>].</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public byte* Row(int slot, byte* buffer) => slot >= PagedSlots ? Row(slot) : Rows(slot, 1, buffer);

    /// <summary>Copies slots that are paged.</summary>
    /// <param name="slot">The first.</param>
    /// <param name="count">How many.</param>
    /// <param name="buffer">Takes them: [count, <see cref="Stride"/>].</param>
    /// <returns>The buffer.</returns>
    public byte* Rows(int slot, int count, byte* buffer)
    {
        _file!.Read(_fileOffset + ((long)slot * Stride), new Span<byte>(buffer, checked(count * Stride)));
        return buffer;
    }

    /// <summary>Has slots read from the disk that are needed next, one after another, if the system would not do it by itself. Nobody waits.</summary>
    public void Foresee(int slot, int count)
    {
        count = Math.Min(count, Math.Min(_foreseenSlots, (slot | Mask) + 1) - slot);
        if (count > 0)
        {
            LibC.AdviseNeeded((nint)Row(slot), (nint)count * Stride);
        }
    }

    /// <summary>Makes room for slots below a number; what stands there is not defined.</summary>
    public void Grow(int slots) => Grow(slots, ChunkSlots);

    private void Grow(int slots, int lastChunkSlots)
    {
        var last = (slots - 1) >> Shift;
        for (var chunk = last; chunk >= PagedSlots >> Shift && _chunks[chunk] == null; chunk--)
        {
            var bytes = (nint)ChunkSlots * Stride;
            var address = (byte*)NativeMemory.AlignedAlloc((nuint)bytes, bytes >= HugePage ? (nuint)HugePage : 64);
            if (slots > ChunkSlots)
            {
                // Not for a first chunk alone, nor for the last one while it is nearly empty: a huge page is taken whole.
                if (chunk < last || lastChunkSlots > ChunkSlots / 2)
                {
                    LibC.AdviseHuge((nint)address, bytes);
                }

                if (_chunks[0] != null)
                {
                    LibC.AdviseHuge((nint)_chunks[0], bytes);
                }
            }

            _owned.Add((nint)address);
            Volatile.Write(ref *(nint*)(_chunks + chunk), (nint)address);
        }
    }

    /// <summary>Reads rows from the beginning on out of a section.</summary>
    public void Load(SegmentReader reader, long section, int slots)
    {
        Grow(slots, ((slots - 1) & Mask) + 1);
        for (var chunk = 0; chunk << Shift < slots; chunk++)
        {
            var bytes = (long)Math.Min(ChunkSlots, slots - (chunk << Shift)) * Stride;
            for (long at = 0; at < bytes; at += 1 << 26)
            {
                var part = (int)Math.Min(1 << 26, bytes - at);
                reader.Read(section, ((long)chunk * ChunkSlots * Stride) + at, new Span<byte>(_chunks[chunk] + at, part));
            }
        }
    }

    /// <summary>Takes rows from the beginning on out of an encrypted file, when they are needed; a chunk that it does not fill is copied, so that it can grow.</summary>
    public void Page(DecryptedFile file, long offset, int slots)
    {
        (_file, _fileOffset, PagedSlots) = (file, offset, slots & ~Mask);
        if (slots > PagedSlots)
        {
            Grow(slots);
            Rows(PagedSlots, slots - PagedSlots, Row(PagedSlots));
        }
    }

    /// <summary>Takes rows from the beginning on where they stand in a mapped file; a chunk that the file does not fill is copied, so that it can grow.</summary>
    /// <param name="view">The file.</param>
    /// <param name="offset">Where they begin in it.</param>
    /// <param name="slots">How many there are.</param>
    /// <param name="isWalked">Whether they are read here and there: then the system reads no more of the file than what is touched, or was asked for (<see cref="Foresee"/>).</param>
    public void Adopt(StorageView view, long offset, int slots, bool isWalked)
    {
        _views.Add(view);
        if (isWalked)
        {
            _foreseenSlots = slots & ~Mask;
            LibC.AdviseRandom((nint)(view.Address + offset), (nint)((long)_foreseenSlots * Stride));
        }

        for (var chunk = 0; chunk << Shift < slots; chunk++)
        {
            var count = Math.Min(ChunkSlots, slots - (chunk << Shift));
            var source = view.Address + offset + ((long)chunk * ChunkSlots * Stride);
            if (count == ChunkSlots)
            {
                _chunks[chunk] = source;
            }
            else
            {
                Grow(slots);
                Buffer.MemoryCopy(source, _chunks[chunk], (long)ChunkSlots * Stride, (long)count * Stride);
            }
        }
    }
}
