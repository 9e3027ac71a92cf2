#pragma warning disable MA0048 // a part of DatabaseEngine
using Abi.Database.Log;
using Abi.Database.Rows;
using Abi.Database.Storage;

namespace Abi.Database.Engine;

/// <content>Commits.</content>
internal sealed partial class DatabaseEngine
{
    private const int LargestGroup = 1024;
    private const int LargestGroupBytes = 1 << 24; // a group is in memory a second time, and in one segment of the log

    private readonly SemaphoreSlim _handOver = new(0);
    private Thread? _committer; // the leader's to make
    private bool _isCommitterDone;

    /// <summary>
    /// Commits to a collection. Beside searches that have to compare too many vectors that wait for their graph it returns a while later, so that writers do not outrun the graph; what they write is
    /// committed by then, in the order in which it came.
    /// </summary>
    public Task CommitAsync(ReadOnlyMemory<byte> payload, CollectionHandle handle, CancellationToken cancellationToken)
    {
        var commit = CommitAsync(payload);
        return IsBehind(handle) ? HoldBackAsync(commit, handle, cancellationToken) : commit;
    }

    private async Task HoldBackAsync(Task commit, CollectionHandle handle, CancellationToken cancellationToken)
    {
        await commit.ConfigureAwait(false);
        await handle.Stall.WaitAsync(() => IsBehind(handle), cancellationToken).ConfigureAwait(false);
    }

    /// <summary>
    /// Commits. When nobody else is committing, the caller's thread does the work and the task is complete on return; otherwise the commit goes with the next group. Beside searches a thread does it that
    /// gives way to them, which the caller's does not.
    /// </summary>
    public Task CommitAsync(ReadOnlyMemory<byte> payload)
    {
        ObjectDisposedException.ThrowIf(Volatile.Read(ref _isDisposed) != 0, this);
        RequireWriting();
        if (payload.Length > LogFormat.LargestPayload)
        {
            throw ByteWriter.TooLarge(); // here, where it fails alone: the log takes nothing more once it has failed
        }

        var request = new CommitRequest(payload);
        lock (_queueGate)
        {
            if (_isCommitterDone)
            {
                throw Closed();
            }

            _queue.Add(request);
            if (_isLeading)
            {
                return request.Task;
            }

            _isLeading = true;
        }

        if (!_admission.IsSearched || !TryHandOver())
        {
            Lead();
        }

        return request.Task;
    }

    // Commits one group; what came meanwhile is the next one's, on another thread, so that nobody serves others for ever where there can be one.
    private void Lead()
    {
        while (LeadOne() && !TryHandOver())
        {
        }
    }

    /// <returns>Whether others came meanwhile.</returns>
    private bool LeadOne()
    {
        List<CommitRequest> group;
        lock (_queueGate)
        {
            group = _queue;
            var count = CountForGroup(group);
            if (group.Count > count)
            {
                _queue = group[count..];
                group = group[..count];
            }
            else
            {
                (_queue, _group) = (_group, group);
            }
        }

        // Whoever waits is told; the log refuses what comes after a failure of its own.
        var failure = TryCommit(group, out var isUntouched);
        if (group.Count > 1 && isUntouched)
        {
            CommitOneByOne(group);
        }
        else
        {
            group.ForEach(request => request.Complete(failure));
        }

        group.Clear();
        lock (_queueGate)
        {
            if (_queue.Count == 0)
            {
                _isLeading = false;
                return false;
            }
        }

        return true;
    }

    // After a group for which there was no room: perhaps there is for those that are smaller than the one that needs most.
    private void CommitOneByOne(List<CommitRequest> group)
    {
        var (failure, tooLarge) = ((Exception?)null, int.MaxValue);
        foreach (var request in group)
        {
            if (request.Payload.Length < tooLarge)
            {
                var error = TryCommit([request], out _);
                (failure, tooLarge) = error is null ? (failure, tooLarge) : (error, request.Payload.Length);
                request.Complete(error);
            }
            else
            {
                request.Complete(failure); // each attempt may fill the disk
            }
        }
    }

    /// <param name="group">What to commit together.</param>
    /// <param name="isUntouched">Whether it failed before anything of it was written, and the database takes writes.</param>
    /// <returns>Why it failed, or null.</returns>
    private Exception? TryCommit(List<CommitRequest> group, out bool isUntouched)
    {
        var before = Sequence;
        isUntouched = false;
        try
        {
            CommitGroup(group);
            return null;
        }
        catch (Exception error)
        {
            isUntouched = Failure is null && Sequence == before;
            return error;
        }
    }

    // How many of those who wait are committed together: one at least.
    private static int CountForGroup(List<CommitRequest> queue)
    {
        var most = Math.Min(queue.Count, LargestGroup);
        long bytes = 0;
        for (var count = 0; count < most; count++)
        {
            bytes += queue[count].Payload.Length;
            if (bytes > LargestGroupBytes && count > 0)
            {
                return count;
            }
        }

        return most;
    }

    // By the leader, to a thread of its own: the pool may be full of those who wait for these very commits. False where the system allows no more threads.
    private bool TryHandOver()
    {
        if (_committer is null)
        {
            _committer = StartThread(Commit, "Abi.Database commits");
            if (_committer is null)
            {
                return false;
            }
        }

        _handOver.Release();
        return true;
    }

    private void Commit()
    {
        YieldToSearches();
        while (true)
        {
            _handOver.Wait();
            if (Volatile.Read(ref _isCommitterDone))
            {
                RefuseQueue();
                return;
            }

            Lead();
        }
    }

    private void StopCommitter()
    {
        lock (_queueGate)
        {
            _isCommitterDone = true; // whoever comes later is refused, as nobody may be there to commit
        }

        _handOver.Release();
        RefuseQueue();
    }

    // Whoever still waits when the database is closed is told so.
    private void RefuseQueue()
    {
        List<CommitRequest> left;
        lock (_queueGate)
        {
            (left, _queue) = (_queue, []);
        }

        foreach (var request in left)
        {
            request.Complete(Closed());
        }
    }

    private static ObjectDisposedException Closed() => new(nameof(VectorDatabase), "The database was closed before this was written.");

    private void CommitGroup(List<CommitRequest> group)
    {
        List<CollectionStore> touched = [];
        lock (_commitGate)
        {
            if (_isLogClosed)
            {
                throw Closed();
            }

            if (_failure is not null)
            {
                throw new DatabaseException("The database takes no more writes: applying an earlier one failed. Open it again.", _failure);
            }

            var now = Now;
            var first = _sequence + 1;
            _log!.Write(first, now, group);
            if (_options.Durability == Durability.Full)
            {
                _log.Flush();
            }

            try
            {
                if (_options.Durability == Durability.Group)
                {
                    FlushLater();
                }

                using var turn = _admission.Enter();
                for (var i = 0; i < group.Count; i++)
                {
                    if (Apply(group[i].Payload.Span, first + i) is { } store && !touched.Contains(store))
                    {
                        touched.Add(store);
                    }
                }

                Volatile.Write(ref _sequence, first + group.Count - 1);
                foreach (var store in touched)
                {
                    store.Publish();
                }
            }
            catch (Exception error)
            {
                // The log has it and memory has not, or only in part: only opening again puts that right.
                Volatile.Write(ref _failure, error);
                throw new DatabaseException($"A commit was written but could not be applied, so the database is now read-only: {error.Message} Open it again.", error);
            }

            try
            {
                touched.ForEach(store => store.UnlinkWhenOverdue(_admission));
            }
            catch (Exception error)
            {
                // What was committed stays so; the owner learns of it at the next write.
                Volatile.Write(ref _failure, error);
            }
        }

        foreach (var store in touched)
        {
            if (store.NeedsMaintenance && _byId.TryGetValue(store.Schema.Id, out var handle))
            {
                Maintain(handle);
            }
        }

        _archiver?.Notice(_log!.Segment);
        CheckpointWhenDue();
    }

    private void FlushLater()
    {
        if (_isFlushDue)
        {
            return;
        }

        _isFlushDue = true;
        _flushTimer ??= _options.Clock.CreateTimer(_ => FlushNow(), null, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
        _flushTimer.Change(_options.GroupInterval, Timeout.InfiniteTimeSpan);
    }

    private void FlushNow()
    {
        lock (_commitGate)
        {
            _isFlushDue = false;
            try
            {
                if (_log is { Failure: null } && Volatile.Read(ref _isDisposed) == 0)
                {
                    _log.Flush();
                }
            }
            catch (DatabaseException)
            {
                // The log keeps its failure and refuses what comes next; a timer has nobody to tell.
            }
        }
    }
}
