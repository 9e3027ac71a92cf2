namespace Abi.Llm.Cache;

/// <summary>Hands out the indices 0 to count − 1 (pages, slots) and counts who holds each; one that nobody holds is free again.</summary>
/// <remarks>For the engine's thread.</remarks>
internal sealed class IndexAllocator
{
    private readonly int[] _free;       // [count], a stack of FreeCount entries
    private readonly int[] _references; // [count]

    public IndexAllocator(int count)
    {
        Count = count;
        _references = new int[count];
        _free = new int[count];
        for (var i = 0; i < count; i++)
        {
            _free[i] = count - 1 - i; // low indices first
        }

        FreeCount = count;
    }

    public int Count { get; }

    public int FreeCount { get; private set; }

    public int UsedCount => Count - FreeCount;

    /// <summary>How often somebody let go of one: while it stays the same, there is no more room than before.</summary>
    public long Releases { get; private set; }

    public bool TryRent(out int index)
    {
        if (FreeCount == 0)
        {
            index = -1;
            return false;
        }

        index = _free[--FreeCount];
        _references[index] = 1;
        return true;
    }

    /// <summary>How many hold it.</summary>
    public int References(int index) => _references[index];

    public bool IsShared(int index) => _references[index] > 1;

    public void Retain(int index)
    {
        if (_references[index] == 0)
        {
            throw new InvalidOperationException($"Index {index} is free.");
        }

        _references[index]++;
    }

    public void Release(int index)
    {
        if (_references[index] == 0)
        {
            throw new InvalidOperationException($"Index {index} is free already.");
        }

        Releases++;
        if (--_references[index] == 0)
        {
            _free[FreeCount++] = index;
        }
    }
}
