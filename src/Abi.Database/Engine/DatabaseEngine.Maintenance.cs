#pragma warning disable MA0048 // a part of DatabaseEngine
using Abi.Database.Rows;
using Abi.Database.Storage;

namespace Abi.Database.Engine;

/// <content>Work in the background.</content>
internal sealed partial class DatabaseEngine
{
    private readonly ManualResetEventSlim _isIdle = new(true);
    private int _working;

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

    private void Maintain(CollectionHandle handle)
    {
        if (IsReadOnly || Volatile.Read(ref _isDisposed) != 0 || Interlocked.Exchange(ref handle.IsMaintained, 1) != 0)
        {
            return;
        }

        if (Interlocked.Increment(ref _working) == 1)
        {
            _isIdle.Reset();
        }

        ThreadPool.UnsafeQueueUserWorkItem(_ => Work(handle), null);
    }

    private void Work(CollectionHandle handle)
    {
        try
        {
            while (Volatile.Read(ref _isDisposed) == 0 && handle is { IsDropped: false, StoreOrNull: { } store } && store.Maintain())
            {
                handle.IsDirty = true;
            }
        }
        catch (Exception error)
        {
            // Searches go on without the graph; the owner learns of it at the next write.
            Volatile.Write(ref _failure, error);
        }
        finally
        {
            Volatile.Write(ref handle.IsMaintained, 0);
            if (Interlocked.Decrement(ref _working) == 0)
            {
                _isIdle.Set();
            }
        }

        if (handle.StoreOrNull is { NeedsMaintenance: true } && Failure is null)
        {
            Maintain(handle);
        }
    }

    private void StopMaintenance()
    {
        while (Volatile.Read(ref _working) > 0)
        {
            _isIdle.Wait(TimeSpan.FromMilliseconds(20));
        }
    }

    private void Sweep()
    {
        _archiver?.Start();
        try
        {
            if (Volatile.Read(ref _isDisposed) == 0 && Failure is null)
            {
                DeleteExpired();
            }
        }
        catch (Exception error) when (error is AbiException or ObjectDisposedException)
        {
            // Outlived records are hidden anyway; the next sweep tries again.
        }
    }
}
