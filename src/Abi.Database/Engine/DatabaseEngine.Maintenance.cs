#pragma warning disable MA0048 // a part of DatabaseEngine
using Abi.Database.Rows;
using Abi.Database.Storage;

namespace Abi.Database.Engine;

/// <content>Work in the background.</content>
internal sealed partial class DatabaseEngine
{
    private const int MostWaiting = 128; // vectors that a search compares besides, in a fraction of its time

    private readonly WriteAdmission _admission = new(Math.Max(1, Environment.ProcessorCount - 1));
    private readonly Queue<CollectionHandle> _graphQueue = new(); // under a lock on itself
    private Thread? _graphThread;
    private LowPriorityThread? _linker; // the graph thread's to make
    private int _isSweeping; // the timer waits for no sweep, and another one would find the same records and delete them again

    /// <summary>Starts a thread of the background.</summary>
    /// <returns>Null where the system allows no more threads.</returns>
    public static Thread? TryStartThread(ThreadStart work, string name)
    {
        var thread = new Thread(work) { IsBackground = true, Name = name };
        try
        {
            thread.UnsafeStart(); // it serves everybody: the context of who came first is none of its business
            return thread;
        }
        catch (Exception error) when (error is OutOfMemoryException or ThreadStartException)
        {
            return null;
        }
    }

    /// <summary>Waits until every vector is in its graph. A database that is open read-only links nothing, so there is nothing to wait for.</summary>
    public async Task WaitForIndexAsync(CancellationToken cancellationToken)
    {
        while (!IsReadOnly && _byId.Values.FirstOrDefault(handle => handle.StoreOrNull is { NeedsMaintenance: true } or { IsMergeDue: true }) is { } handle)
        {
            ObjectDisposedException.ThrowIf(Volatile.Read(ref _isDisposed) != 0, this);
            if (Volatile.Read(ref _failure) is { } failure)
            {
                throw new DatabaseException($"The index of the collection '{handle.Schema.Name}' cannot be built: {failure.Message} Searches go on without it; open the database again.", failure);
            }

            Maintain(handle);
            CheckpointWhenDue();
            await Task.Delay(TimeSpan.FromMilliseconds(5), cancellationToken).ConfigureAwait(false);
        }
    }

    /// <summary>Deletes the records that are outlived.</summary>
    /// <returns>How many.</returns>
    public int DeleteExpired()
    {
        var deleted = 0;
        foreach (var handle in _byId.Values)
        {
            if (handle.StoreOrNull is not { HasExpiry: true } store)
            {
                continue;
            }

            List<byte[]> keys = [];
            var now = Now;
            var (place, view) = store.BeginRead();
            try
            {
                var visible = store.Visible(view, long.MinValue);
                for (var slot = 0; slot < view.Slots; slot++)
                {
                    if (visible.IsVisible(slot) && store.Expires[slot] <= now)
                    {
                        keys.Add(RecordCodec.Key(store.Payload(slot)).ToArray());
                    }
                }
            }
            finally
            {
                store.EndRead(place);
            }

            foreach (var some in keys.Chunk(1000))
            {
                var writer = new ByteWriter();
                writer.Byte((byte)OpCode.Write);
                writer.Int32(handle.Schema.Id);
                writer.Int32(some.Length);
                foreach (var key in some)
                {
                    writer.Byte((byte)OpCode.DeleteExpired);
                    writer.Int64(now);
                    writer.Block(key);
                }

                CommitAsync(writer.ToArray()).GetAwaiter().GetResult();
                deleted += some.Length;
            }
        }

        return deleted;
    }

    /// <summary>Tells that somebody searches: what writing computes takes turns for a while, and leaves a processor.</summary>
    public void NoteSearch()
    {
        if (_options.PrioritizeSearches)
        {
            _admission.NoteSearch();
        }
    }

    private Thread? StartThread(ThreadStart work, string name) => (_options.StartThread ?? TryStartThread)(work, name);

    private bool IsBehind(CollectionHandle handle) => _admission.IsSearched && handle.StoreOrNull is { } store && store.WaitingVectors > MostWaiting;

    // A collection is in the queue at most once, and the thread does a little for each in turn.
    private void Maintain(CollectionHandle handle)
    {
        if (IsReadOnly || Interlocked.Exchange(ref handle.IsMaintained, 1) != 0)
        {
            return;
        }

        lock (_graphQueue)
        {
            if (Volatile.Read(ref _isDisposed) != 0)
            {
                return;
            }

            _graphThread ??= StartThread(MaintainGraphs, "Abi.Database graphs");
            if (_graphThread is null)
            {
                Interlocked.Exchange(ref handle.IsMaintained, 0); // the next commit tries again
                return;
            }

            _graphQueue.Enqueue(handle);
            Monitor.Pulse(_graphQueue);
        }
    }

    // On a thread of its own: it waits for its turns, which the pool's should not.
    private void MaintainGraphs()
    {
        YieldToSearches();
        while (true)
        {
            CollectionHandle? handle;
            lock (_graphQueue)
            {
                while (!_graphQueue.TryDequeue(out handle))
                {
                    if (Volatile.Read(ref _isDisposed) != 0)
                    {
                        return;
                    }

                    Monitor.Wait(_graphQueue);
                }
            }

            Work(handle);
        }
    }

    // Commits that come one by one wake the thread once in a while then, and not each of them.
    private void Linger()
    {
        lock (_graphQueue)
        {
            if (_graphQueue.Count == 0 && Volatile.Read(ref _isDisposed) == 0)
            {
                Monitor.Wait(_graphQueue, TimeSpan.FromMilliseconds(5));
            }
        }
    }

    private void Work(CollectionHandle handle)
    {
        var more = false;
        try
        {
            if (Volatile.Read(ref _isDisposed) == 0 && handle is { IsDropped: false, StoreOrNull: { } store })
            {
                more = Grow(store);
                if (more)
                {
                    handle.IsDirty = true;
                }
            }
        }
        catch (Exception error)
        {
            // Searches go on without the graph; the owner learns of it at the next write.
            Volatile.Write(ref _failure, error);
        }

        if (!more || !IsBehind(handle))
        {
            handle.Stall.End(); // also when nothing more will be done
        }

        if (!more)
        {
            Linger();
        }

        Interlocked.Exchange(ref handle.IsMaintained, 0); // before looking: who commits meanwhile sees this, or is seen here
        if (more || (handle is { IsDropped: false, StoreOrNull.NeedsMaintenance: true } && Failure is null))
        {
            Maintain(handle);
        }
    }

    // Several threads are the pool's, and those have the usual share; so has this one while nobody searches.
    private bool Grow(CollectionStore store)
    {
        if (!_options.PrioritizeSearches || !_admission.IsSearched || store.IndexThreads > 1)
        {
            return store.Maintain(_admission);
        }

        try
        {
            _linker ??= new LowPriorityThread("Abi.Database links");
        }
        catch (Exception error) when (error is OutOfMemoryException or ThreadStartException)
        {
            return store.Maintain(_admission); // the system allows no more threads
        }

        return _linker.Run(() => store.Maintain(_admission));
    }

    private void YieldToSearches()
    {
        if (_options.PrioritizeSearches)
        {
            LibC.UseLongSlices(nice: 0);
        }
    }

    private void StopMaintenance()
    {
        lock (_graphQueue)
        {
            Monitor.Pulse(_graphQueue);
        }

        _graphThread?.Join();
        _linker?.Dispose();
    }

    private void Sweep()
    {
        try
        {
            _archiver?.Start();
            _replaced.Ask();
            if (Volatile.Read(ref _isDisposed) == 0 && Failure is null && Interlocked.Exchange(ref _isSweeping, 1) == 0)
            {
                try
                {
                    DeleteExpired();
                }
                finally
                {
                    Volatile.Write(ref _isSweeping, 0);
                }
            }
        }
        catch (Exception)
        {
            // Outlived records are hidden anyway, and the next sweep tries again: what a timer throws would end the process.
        }
    }
}
