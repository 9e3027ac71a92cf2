#pragma warning disable MA0048 // a part of VectorIndex
using Abi.Database.Engine;
using Abi.Database.Rows;

namespace Abi.Database.Indexes;

/// <content>Growing and repairing the graph.</content>
internal sealed unsafe partial class VectorIndex
{
    private const int InsertBatch = 2048;
    private const int SearchedBatch = 64; // searches compare what waits, all of a batch until it is linked

    private readonly Lock _graphGate = new(); // insertions and removals, never searches
    private volatile bool _isStill;
    private long _changes; // nodes that came into the graph or went out of it

    /// <summary>Whether the graph is being written: whoever wants to change it would wait for a file.</summary>
    public bool IsStill => _isStill;

    /// <summary>How many slots wait for a graph that is being grown: what searches compare besides.</summary>
    public int Backlog => Graph is null || _isStill ? 0 : Pending.Count;

    /// <summary>Takes a graph, and lets the slots that it lacks wait for it; they must be added before this.</summary>
    public void Adopt(NearIndex graph, int slots)
    {
        for (var slot = 0; slot < slots; slot++)
        {
            if (States[slot] == SlotState.Loose)
            {
                _new.Add(slot);
                States[slot] = SlotState.Pending;
            }
        }

        PublishNew(graph);
    }

    /// <summary>Links some of the slots that wait.</summary>
    /// <param name="isDead">Whether a slot's record was deleted; such a slot need not be linked.</param>
    /// <param name="threads">How many threads to use.</param>
    /// <returns>Whether there is more to do.</returns>
    /// <param name="admission">Where it takes its turns.</param>
    public bool LinkSome(Func<int, bool> isDead, int threads, WriteAdmission admission)
    {
        lock (_graphGate)
        {
            if (Graph is not { } graph)
            {
                return false;
            }

            var view = Pending;
            var count = Math.Min(view.Count, (admission.IsSearched ? SearchedBatch : InsertBatch) * threads);
            if (count == 0)
            {
                return false;
            }

            List<int> linked = new(count), dead = [];
            foreach (var slot in view.Span[..count])
            {
                (isDead(slot) ? dead : linked).Add(slot);
            }

            graph.Insert(linked, threads, admission);
            graph = Renewed(graph, linked, threads, admission);
            foreach (var slot in linked)
            {
                States[slot] = SlotState.Linked;
            }

            Volatile.Write(ref _changes, _changes + linked.Count);

            bool more;
            lock (_viewGate)
            {
                Volatile.Write(ref _view, new GraphView(graph, _view.Pending.Skip(count)));
                more = _view.Pending.Count > 0;
            }

            // Last: nothing refers to them now, and the writer may use them again at once.
            foreach (var slot in dead)
            {
                States[slot] = SlotState.Loose;
            }

            return more;
        }
    }

    // An inverted file that is outgrown is learnt anew. Searches use the old one until the new one has all.
    private NearIndex Renewed(NearIndex graph, List<int> linked, int threads, WriteAdmission admission)
    {
        if (graph is not InvertedFile { IsOutgrown: true })
        {
            return graph;
        }

        List<int> all = [.. linked];
        for (var slot = 0; States.Has(slot); slot++)
        {
            if (States[slot] == SlotState.Linked)
            {
                all.Add(slot);
            }
        }

        var file = InvertedFile.Train(Space, Field.DistanceFunction, Rows, System.Runtime.InteropServices.CollectionsMarshal.AsSpan(all), threads);
        file.Insert(all, threads, admission);
        return file;
    }

    /// <summary>Takes the slots out of the graph whose records no reader can see any more.</summary>
    /// <param name="isGone">Whether that is so.</param>
    /// <param name="slots">All slots are below this.</param>
    /// <param name="threads">How many threads to use.</param>
    /// <param name="admission">Where it takes its turns.</param>
    public void Unlink(Func<int, bool> isGone, int slots, int threads, WriteAdmission admission)
    {
        lock (_graphGate)
        {
            if (Graph is not { } graph)
            {
                return;
            }

            var isRemoved = new bool[(slots + NativeColumn.Mask) & ~NativeColumn.Mask];
            var count = 0;
            for (var slot = 0; slot < slots; slot++)
            {
                if (States[slot] == SlotState.Linked && !graph.IsFixed(slot) && isGone(slot))
                {
                    isRemoved[slot] = true;
                    count++;
                }
            }

            if (count == 0)
            {
                return;
            }

            graph.Remove(isRemoved, slot => States[slot] == SlotState.Linked, slots, threads, admission);
            Interlocked.MemoryBarrier(); // nothing of that may come later than what follows: the writer looks at it without a lock, and may fill the slots at once
            for (var slot = 0; slot < slots; slot++)
            {
                if (isRemoved[slot])
                {
                    States[slot] = SlotState.Loose;
                }
            }

            Volatile.Write(ref _changes, _changes + count);
        }
    }

    /// <summary>Runs while the graph does not change.</summary>
    public void WithStillGraph(Action act)
    {
        lock (_graphGate)
        {
            _isStill = true;
            try
            {
                act();
            }
            finally
            {
                _isStill = false;
            }
        }
    }
}
