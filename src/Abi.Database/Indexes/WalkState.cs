using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Abi.Database.Storage;

namespace Abi.Database.Indexes;

/// <summary>What one walk needs: stamps of the slots that it met, its candidates, a list of neighbours. Used again by later walks.</summary>
internal sealed unsafe class WalkState
{
    private const int MostNeighbours = 320; // those of a node of a Vamana graph that is being built

    private ushort _stamp;
    private int _capacity;

    /// <summary>ushort [slots]: equal to <see cref="Stamp"/> where the walk has been.</summary>
    public ushort* Visited { get; private set; }

    public ushort Stamp => _stamp;

    /// <summary>The slots that have a stamp. A node beyond them was made after the walk began.</summary>
    public int Slots => _capacity;

    /// <summary>The bytes of memory that it takes.</summary>
    public long Bytes => ((long)_capacity * sizeof(ushort)) + ((long)PoolCapacity * sizeof(ulong));

    /// <summary>Packed candidates, nearest first: ulong [effort + 1].</summary>
    public ulong* Pool { get; private set; }

    public int PoolCapacity { get; private set; }

    /// <summary>int [<see cref="MostNeighbours"/>]: the neighbours that were not met before.</summary>
    public int* Neighbours { get; } = (int*)NativeMemory.AlignedAlloc(MostNeighbours * sizeof(int), 64);

    ~WalkState()
    {
        NativeMemory.AlignedFree(Visited);
        NativeMemory.AlignedFree(Pool);
        NativeMemory.AlignedFree(Neighbours);
    }

    /// <summary>Forgets where the walk has been.</summary>
    public void Restamp()
    {
        if (++_stamp == 0)
        {
            NativeMemory.Clear(Visited, (nuint)_capacity * sizeof(ushort));
            _stamp = 1;
        }
    }

    /// <summary>Gets ready for a walk.</summary>
    public void Begin(int slots, int effort)
    {
        if (slots > _capacity)
        {
            NativeMemory.AlignedFree(Visited);
            Visited = null; // not freed twice, should there be no memory
            _capacity = Math.Max(slots, 1024);
            Visited = (ushort*)NativeMemory.AlignedAlloc((nuint)_capacity * sizeof(ushort), 64);
            LibC.AdviseHuge((nint)Visited, _capacity * (nint)sizeof(ushort));
            _stamp = ushort.MaxValue;
        }

        Restamp();
        if (effort + 1 > PoolCapacity)
        {
            NativeMemory.AlignedFree(Pool);
            Pool = null;
            PoolCapacity = Math.Max(effort + 1, 512);
            Pool = (ulong*)NativeMemory.AlignedAlloc((nuint)PoolCapacity * sizeof(ulong), 64);
        }
    }

    /// <summary>Puts a candidate in its place and drops the last one when the pool is full.</summary>
    /// <returns>Its place.</returns>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int Insert(ulong* pool, ref int count, int effort, ulong candidate)
    {
        var low = 0;
        var length = count;
        while (length > 1)
        {
            var half = length >> 1;
            low = pool[low + half] < candidate ? low + half : low;
            length -= half;
        }

        var at = low + (count > 0 && pool[low] < candidate ? 1 : 0);
        var moved = (count < effort ? count : effort - 1) - at;
        if (moved > 0)
        {
            Buffer.MemoryCopy(pool + at, pool + at + 1, moved * sizeof(ulong), moved * sizeof(ulong));
        }

        pool[at] = candidate;
        count = count < effort ? count + 1 : effort;
        return at;
    }
}
