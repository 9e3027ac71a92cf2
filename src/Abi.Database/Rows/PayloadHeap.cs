using System.Buffers.Binary;
using System.Numerics;
using System.Runtime.InteropServices;
using Abi.Database.Encryption;
using Abi.Database.Storage;

namespace Abi.Database.Rows;

/// <summary>
/// The records without their vectors: [length i32, bytes], in native memory or a mapped file, at addresses that never move; or in an encrypted file that is read page by page, where an address is the
/// complement of an offset, so below 0. Blocks that were freed are used again for contents of their size, and are not joined or split.
/// One writer; readers of blocks that are not freed at any time.
/// </summary>
internal sealed unsafe class PayloadHeap
{
    private const int Granule = 16;
    private const int SmallGranules = 256; // blocks up to 4 KiB are taken by exact size, larger ones in eight sizes to a doubling, so that one that was freed fits others
    private const int FirstChunk = 1 << 16;
    private const int FirstRead = 256; // of a block whose length is not known
    private const int LargestChunk = 1 << 22;

    private readonly List<nint> _owned = [];
    private readonly List<StorageView> _views = [];
    private readonly Dictionary<int, Stack<nint>> _free = []; // by the granules taken
    private byte* _next;
    private long _left;
    private int _chunkBytes = FirstChunk;
    private DecryptedFile? _file; // of the blocks without an address
    private long _fileEnd; // all of them end at or before this

    ~PayloadHeap()
    {
        foreach (var address in _owned)
        {
            NativeMemory.Free((void*)address);
        }
    }

    /// <summary>Copies bytes in.</summary>
    public nint Add(ReadOnlySpan<byte> bytes)
    {
        var address = Take(bytes.Length);
        *(int*)address = bytes.Length;
        bytes.CopyTo(new Span<byte>((byte*)address + sizeof(int), bytes.Length));
        new Span<byte>((byte*)address + sizeof(int) + bytes.Length, BlockBytes(bytes.Length) - sizeof(int) - bytes.Length).Clear(); // blocks are written to files whole
        return address;
    }

    /// <summary>How many bytes are in a block.</summary>
    public int BytesIn(nint address)
    {
        if (address >= 0)
        {
            return *(int*)address;
        }

        int length;
        _file!.Read(~(long)address, new Span<byte>(&length, sizeof(int)));
        return length;
    }

    /// <summary>The bytes of a block: where they stand, or a copy.</summary>
    public ReadOnlySpan<byte> Read(nint address)
    {
        if (address >= 0)
        {
            return new ReadOnlySpan<byte>((byte*)address + sizeof(int), *(int*)address);
        }

        var block = Block(address);
        return block.Slice(sizeof(int), BinaryPrimitives.ReadInt32LittleEndian(block));
    }

    /// <summary>A whole block, as <see cref="Read"/> gives its bytes.</summary>
    public ReadOnlySpan<byte> Block(nint address)
    {
        if (address >= 0)
        {
            return new ReadOnlySpan<byte>((void*)address, BlockBytes(*(int*)address));
        }

        // What follows a short block is mostly read with it.
        var offset = ~(long)address;
        var first = new byte[(int)Math.Min(FirstRead, _fileEnd - offset)];
        _file!.Read(offset, first);
        var bytes = BlockBytes(BinaryPrimitives.ReadInt32LittleEndian(first));
        if (bytes <= first.Length)
        {
            return first.AsSpan(0, bytes);
        }

        var whole = new byte[bytes];
        first.CopyTo(whole, 0);
        _file.Read(offset + first.Length, whole.AsSpan(first.Length));
        return whole;
    }

    /// <summary>Gives a block back. Nobody may read it any more.</summary>
    public void Free(nint address)
    {
        if (address < 0)
        {
            return; // of a file that is read page by page
        }

        var granules = TakenGranules(*(int*)address);
        if (granules > SmallGranules && _views.Exists(view => (nint)view.Address <= address && address < (nint)view.Address + (nint)view.Length))
        {
            return; // in a file large blocks have their exact size, not that of their class
        }

        if (!_free.TryGetValue(granules, out var free))
        {
            _free[granules] = free = new Stack<nint>();
        }

        free.Push(address);
    }

    /// <summary>Takes a file that blocks are read from.</summary>
    /// <param name="file">The file.</param>
    /// <param name="end">The offset behind the last block.</param>
    public void Page(DecryptedFile file, long end) => (_file, _fileEnd) = (file, end);

    /// <summary>Keeps a file mapped in which blocks stand.</summary>
    public void Keep(StorageView view) => _views.Add(view);

    public static int BlockBytes(int length) => Granules(length) * Granule;

    private static int Granules(int length) => (int)(((long)length + sizeof(int) + Granule - 1) / Granule);

    private static int TakenGranules(int length)
    {
        var granules = Granules(length);
        if (granules <= SmallGranules)
        {
            return granules;
        }

        var step = 1 << (BitOperations.Log2((uint)granules) - 3);
        return (granules + step - 1) & -step;
    }

    private nint Take(int length)
    {
        var granules = TakenGranules(length);
        if (_free.TryGetValue(granules, out var free) && free.TryPop(out var freed))
        {
            return freed;
        }

        var bytes = (long)granules * Granule;
        if (bytes > LargestChunk)
        {
            var own = (nint)NativeMemory.Alloc((nuint)bytes);
            _owned.Add(own);
            return own;
        }

        if (bytes > _left)
        {
            _left = Math.Max(_chunkBytes, bytes);
            _next = (byte*)NativeMemory.Alloc((nuint)_left);
            _owned.Add((nint)_next);
            _chunkBytes = Math.Min(_chunkBytes * 2, LargestChunk);
        }

        var address = (nint)_next;
        _next += bytes;
        _left -= bytes;
        return address;
    }
}
