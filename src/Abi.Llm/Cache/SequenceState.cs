namespace Abi.Llm.Cache;

/// <summary>What one sequence holds of the pool: a page table for each group and a recurrent slot.</summary>
/// <remarks>For the engine's thread.</remarks>
internal sealed class SequenceState
{
    private readonly StatePool _pool;
    private readonly PageTable[] _tables; // [groups]

    public SequenceState(StatePool pool)
    {
        _pool = pool;
        _tables = new PageTable[pool.Groups];
        for (var group = 0; group < _tables.Length; group++)
        {
            _tables[group] = new PageTable(pool);
        }
    }

    /// <summary>The slot of recurrent state; −1 for none.</summary>
    public int Slot { get; private set; } = -1;

    public int Groups => _tables.Length;

    public PageTable Table(int group) => _tables[group];

    /// <summary>
    /// Makes positions of the group writable, and the recurrent slot too when the model has one: a cleared one at the beginning, a copy of one that is shared. False when there is
    /// too little.
    /// </summary>
    public bool TryReserve(int group, int length)
    {
        if (_pool.HasRecurrent && Slot < 0)
        {
            if (!_pool.Slots.TryRent(out var slot))
            {
                return false;
            }

            _pool.Store.ClearSlot(slot);
            Slot = slot;
        }

        if (Slot >= 0 && _pool.Slots.IsShared(Slot))
        {
            if (!_pool.Slots.TryRent(out var copy))
            {
                return false;
            }

            _pool.Store.CopySlot(Slot, copy);
            _pool.Slots.Release(Slot);
            Slot = copy;
        }

        return group >= _tables.Length || _tables[group].TryReserve(length);
    }

    /// <summary>Counts positions of the group as written and gives back what lies behind its window.</summary>
    /// <param name="group">The group.</param>
    /// <param name="length">The positions written.</param>
    /// <param name="tentative">How many of them may be cut again: the window is kept for that.</param>
    public void Advance(int group, int length, int tentative = 0)
    {
        if (group < _tables.Length)
        {
            _tables[group].Advance(length);
            if (_pool.Windows[group] > 0)
            {
                _tables[group].ReleaseBehind(_pool.Windows[group] + tentative);
            }
        }
    }

    /// <summary>Cuts the sequence's own positions back. False when that cannot be done and everything has to be computed anew: recurrent state, or a window passed.</summary>
    public bool TryTruncate(int length, int written)
    {
        if (_pool.HasRecurrent && length != written)
        {
            return false;
        }

        return _tables.Length == 0 || _tables[0].TryTruncate(length, _pool.Windows[0]);
    }

    /// <summary>Shares everything with an empty state (a fork, a checkpoint): who writes first takes a copy of what it writes.</summary>
    public void ShareWith(SequenceState other)
    {
        if (Slot >= 0)
        {
            _pool.Slots.Retain(Slot);
            other.Slot = Slot;
        }

        for (var group = 0; group < _tables.Length; group++)
        {
            _tables[group].ShareWith(other._tables[group]);
        }
    }

    /// <summary>Gives everything back.</summary>
    public void Clear()
    {
        foreach (var table in _tables)
        {
            table.Clear();
        }

        if (Slot >= 0)
        {
            _pool.Slots.Release(Slot);
            Slot = -1;
        }
    }
}
