using Abi.Database.Engine;

namespace Abi.Database.Indexes;

/// <summary>What finds candidates near a query among some of the slots, without comparing all. Searches take no locks and may run while slots are inserted or removed.</summary>
internal abstract unsafe class NearIndex
{
    /// <summary>Which one it is.</summary>
    public abstract IndexKind Kind { get; }

    /// <summary>The slots in it.</summary>
    public abstract int Count { get; }

    /// <summary>The bytes of memory that it takes, what is in mapped files not counted.</summary>
    public abstract long ResidentBytes { get; }

    /// <summary>Whether a slot cannot be taken out, and so must not get another record, until the index is written anew.</summary>
    public virtual bool IsFixed(int slot) => false;

    /// <summary>The <paramref name="effort"/> (or fewer) nearest, as far as it can tell, nearest first.</summary>
    /// <param name="query">A prepared query.</param>
    /// <param name="effort">How many candidates are kept.</param>
    /// <param name="found">Packed <see cref="ScoredSlot"/>s; at least <paramref name="effort"/> long.</param>
    /// <param name="hidden">A slot that is treated as if it were not there, or -1.</param>
    /// <returns>How many were found.</returns>
    public abstract int Search(byte* query, int effort, Span<ulong> found, int hidden = -1);

    /// <summary>Takes in slots whose rows are in place. Blocks until all are in.</summary>
    public abstract void Insert(IReadOnlyList<int> slots, int threads, WriteAdmission admission);

    /// <summary>Takes slots out.</summary>
    /// <param name="isRemoved">Whether a slot is to go, by slot.</param>
    /// <param name="isLinked">Whether a slot is in it.</param>
    /// <param name="slots">All slots are below this.</param>
    /// <param name="threads">How many threads to use.</param>
    /// <param name="admission">Where it takes its turns.</param>
    public abstract void Remove(bool[] isRemoved, Func<int, bool> isLinked, int slots, int threads, WriteAdmission admission);
}
