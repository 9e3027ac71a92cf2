using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Abi.Database.Storage;

namespace Abi.Database.Rows;

/// <summary>
/// Bytes of a fixed length for each slot, outside the managed heap: in chunks of 16,384 slots that never move, of huge pages from the second on, or in a mapped file.
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

    /// <summary>Bytes of memory taken, mapped files not counted.</summary>
    public long OwnedBytes => (long)_owned.Count * ChunkSlots * Stride;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public byte* Row(int slot) => _chunks[slot >> Shift] + ((nint)(slot & Mask) * Stride);

    /// <summary>Makes room for slots below a number; what stands there is not defined.</summary>
    public void Grow(int slots) => Grow(slots, ChunkSlots);

    private void Grow(int slots, int lastChunkSlots)
    {
        var last = (slots - 1) >> Shift;
        for (var chunk = last; chunk >= 0 && _chunks[chunk] == null; chunk--)
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

    /// <summary>Takes rows from the beginning on where they stand in a mapped file; a chunk that the file does not fill is copied, so that it can grow.</summary>
    public void Adopt(StorageView view, long offset, int slots)
    {
        _views.Add(view);
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
