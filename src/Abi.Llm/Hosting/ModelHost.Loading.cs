using Abi.Llm.Configuration;

namespace Abi.Llm.Hosting;

/// <summary>What is in memory, and who may use it.</summary>
public sealed partial class ModelHost
{
    private readonly List<HostedModel> _removed = []; // taken out, but perhaps still in memory

    /// <summary>Takes a place among a model's users, or waits for one.</summary>
    private async ValueTask EnterAsync(HostedModel hosted, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        LinkedListNode<TaskCompletionSource> node;
        lock (_gate)
        {
            ThrowIfStopped();
            if (_models.GetValueOrDefault(hosted.Name) != hosted)
            {
                throw Unknown(hosted.Name); // removed since it was found
            }

            if (hosted.Options.MaximumRequests is not { } most || hosted.Users < most)
            {
                hosted.Users++;
                return;
            }

            if (hosted.Options.MaximumWaiting is { } limit && hosted.Waiting.Count >= limit)
            {
                throw new QueueFullException($"The model '{hosted.Name}'", limit, $"raise {nameof(HostedModelOptions.MaximumWaiting)} or {nameof(HostedModelOptions.MaximumRequests)}");
            }

            node = hosted.Waiting.AddLast(new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously));
        }

        try
        {
            await node.Value.Task.WaitAsync(cancellationToken).ConfigureAwait(false);
        }
        catch (OperationCanceledException)
        {
            lock (_gate)
            {
                if (node.List is not null)
                {
                    hosted.Waiting.Remove(node);
                    throw;
                }

                if (node.Value.Task.IsFaulted)
                {
                    throw;
                }
            }

            Release(hosted); // a place had been handed over at the same moment
            throw;
        }
    }

    /// <summary>Gives a place among a model's users to the next that waits, or back.</summary>
    internal void Release(HostedModel hosted)
    {
        lock (_gate)
        {
            hosted.LastUsed = _time.GetUtcNow();
            hosted.LastUse = ++_uses;
            if (hosted.Waiting.First is { } next)
            {
                hosted.Waiting.RemoveFirst();
                next.Value.TrySetResult();
            }
            else if (--hosted.Users == 0)
            {
                if (hosted.State == HostedModelState.Loading)
                {
                    _ = BeginUnload(hosted); // nobody wants it any more
                }

                ScheduleSweep();
            }

            Changed();
        }
    }

    /// <summary>The model in memory, for one of its users: loaded once however many want it.</summary>
    private async Task<LanguageModel> LoadAsync(HostedModel hosted, CancellationToken cancellationToken)
    {
        while (true)
        {
            Task wait;
            Task<LanguageModel>? loading = null;
            lock (_gate)
            {
                ThrowIfStopped();
                if (hosted.Model?.Engine.Failure is not null && hosted.Users == 1)
                {
                    _ = BeginUnload(hosted);
                }

                if (hosted.Unloading is not null)
                {
                    wait = hosted.Unloading;
                }
                else
                {
                    if (hosted.Loading is null)
                    {
                        var cancellation = new CancellationTokenSource();
                        hosted.LoadCancellation = cancellation;
                        hosted.Loading = Task.Run(() => LoadCoreAsync(hosted, cancellation), CancellationToken.None);
                    }

                    wait = loading = hosted.Loading;
                }
            }

            try
            {
                await wait.WaitAsync(cancellationToken).ConfigureAwait(false);
            }
            catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
            {
                continue; // the load was given up by those who wanted it before
            }

            if (loading is not null)
            {
                return await loading.ConfigureAwait(false);
            }
        }
    }

    private async Task<LanguageModel> LoadCoreAsync(HostedModel hosted, CancellationTokenSource cancellation)
    {
        var token = cancellation.Token;
        try
        {
            var path = ModelLocator.Find(hosted.Options.Llm.Model, hosted.Options.Llm.ModelFolder);
            var options = ModelLoading.Options(hosted.Options.Llm, _services);
            var needed = hosted.KnownFootprint ?? ModelMemory.Estimate(path, options.Engine, token);
            while (true)
            {
                await MakeRoomAsync(hosted, needed, token).ConfigureAwait(false);
                var model = await LanguageModel.LoadAsync(path, options, hosted.Options.Llm.Progress, token).ConfigureAwait(false);
                needed = ModelMemory.Of(model);
                long total;
                lock (_gate)
                {
                    hosted.KnownFootprint = hosted.Footprint = needed;
                    total = Total();
                    if (total <= Budget || InMemory().All(other => other == hosted))
                    {
                        ThrowIfTooBig(hosted, needed, model);
                        hosted.Loads++;
                        HostLog.Loaded(_logger, hosted.Name, needed.TotalBytes, total);
                        Changed();
                        return model;
                    }
                }

                // the estimate was too low, and there is not enough room for what it really takes
                await model.DisposeAsync().ConfigureAwait(false);
                lock (_gate)
                {
                    hosted.Footprint = null;
                    Changed();
                }
            }
        }
        catch (Exception exception)
        {
            lock (_gate)
            {
                hosted.Footprint = null;
                if (exception is ModelMemoryException)
                {
                    hosted.KnownFootprint = null; // the file may be another by now
                }

                if (hosted.LoadCancellation == cancellation)
                {
                    hosted.Loading = null; // the next request tries again
                    hosted.LoadCancellation = null;
                }

                Changed();
            }

            if (exception is not OperationCanceledException)
            {
                HostLog.LoadFailed(_logger, exception, hosted.Name);
            }

            throw;
        }
    }

    /// <summary>Unloads others until a model fits, and takes its room.</summary>
    private async Task MakeRoomAsync(HostedModel hosted, ModelFootprint needed, CancellationToken cancellationToken)
    {
        var start = _time.GetTimestamp();
        while (true)
        {
            Task wait;
            TimeSpan? left = null;
            lock (_gate)
            {
                ThrowIfTooBig(hosted, needed, model: null);
                var others = InMemory().Where(other => other != hosted).ToList();
                if (Together(others, needed) <= Budget && others.Count < (_options.MaximumLoaded ?? int.MaxValue))
                {
                    hosted.Footprint = needed;
                    return;
                }

                if (others.Find(static other => other.Unloading is not null) is { } leaving)
                {
                    wait = leaving.Unloading!;
                }
                else if (others.Where(static other => other.Users == 0 && !other.Options.IsPinned).MinBy(static other => other.LastUse) is { } idle)
                {
                    wait = BeginUnload(idle);
                }
                else
                {
                    left = _options.MemoryTimeout - _time.GetElapsedTime(start);
                    if (left <= TimeSpan.Zero)
                    {
                        throw InUse();
                    }

                    HostLog.Waiting(_logger, hosted.Name, needed.TotalBytes);
                    wait = _changed.Task;
                }
            }

            try
            {
                await wait.WaitAsync(left ?? Timeout.InfiniteTimeSpan, _time, cancellationToken).ConfigureAwait(false);
            }
            catch (TimeoutException)
            {
                throw InUse();
            }
        }

        ModelMemoryException InUse() => new(
            hosted.Name, needed.TotalBytes, Budget, ", and requests hold the models that are in memory",
            $"Try again when they have ended, raise {nameof(ModelHostOptions.MemoryBudget)} or {nameof(ModelHostOptions.MaximumLoaded)}, or let requests wait longer ({nameof(ModelHostOptions.MemoryTimeout)}).");
    }

    /// <summary>Refuses a model that can never fit: alone, or beside those that are pinned. Under the lock.</summary>
    private void ThrowIfTooBig(HostedModel hosted, ModelFootprint needed, LanguageModel? model)
    {
        var pinned = InMemory().Where(other => other != hosted && other.Options.IsPinned).ToList();
        if (Together(pinned, needed) > Budget || pinned.Count >= (_options.MaximumLoaded ?? int.MaxValue))
        {
            model?.Dispose();
            throw new ModelMemoryException(
                hosted.Name, needed.TotalBytes, Budget,
                pinned.Count == 0 ? "" : $", of which pinned models ({string.Join(", ", pinned.Select(static other => other.Name))}) take {ModelFootprint.Sum(pinned.Select(static other => other.Footprint!))}",
                $"Raise {nameof(ModelHostOptions.MemoryBudget)}, choose a smaller {nameof(LlmOptions.ContextLength)}, {nameof(LlmOptions.CacheTokens)} or file, or pin fewer models.");
        }
    }

    private async Task UnloadAsync(HostedModel hosted, CancellationToken cancellationToken)
    {
        while (true)
        {
            Task wait;
            lock (_gate)
            {
                // who holds a place will load it
                if (hosted.State == HostedModelState.Unloaded && hosted.Users == 0)
                {
                    _removed.Remove(hosted);
                    return;
                }

                wait = hosted.Unloading ?? (hosted.Users == 0 ? BeginUnload(hosted) : _changed.Task);
            }

            await wait.WaitAsync(cancellationToken).ConfigureAwait(false);
        }
    }

    /// <summary>Takes a model out of memory, loaded or on its way. Under the lock; the work is done outside of it.</summary>
    private Task BeginUnload(HostedModel hosted)
    {
        var (loading, cancellation) = (hosted.Loading!, hosted.LoadCancellation!);
        hosted.Loading = null;
        hosted.LoadCancellation = null;
        return hosted.Unloading = Task.Run(async () =>
        {
            await cancellation.CancelAsync().ConfigureAwait(false);
            try
            {
                var model = await loading.ConfigureAwait(false);
                await model.DisposeAsync().ConfigureAwait(false);
            }
            catch (Exception)
            {
                // It did not load, so there is nothing to unload; who waited for it has been told.
            }

            cancellation.Dispose();
            lock (_gate)
            {
                HostLog.Unloaded(_logger, hosted.Name, hosted.Bytes);
                hosted.Footprint = null;
                hosted.Forget();
                hosted.Unloading = null;
                Changed();
            }
        });
    }

    /// <summary>Unloads what nobody has used for long enough, and comes back for the next.</summary>
    private void Sweep()
    {
        lock (_gate)
        {
            if (_isStopped || _isDisposed || _options.KeepAlive is not { } keep)
            {
                return;
            }

            var now = _time.GetUtcNow();
            foreach (var hosted in _models.Values.Where(hosted => IsIdle(hosted) && hosted.LastUsed + keep <= now))
            {
                _ = BeginUnload(hosted);
            }

            ScheduleSweep();
        }
    }

    private void ScheduleSweep()
    {
        if (_options.KeepAlive is not { } keep || _isStopped || _isDisposed)
        {
            return;
        }

        var next = _models.Values.Where(IsIdle).Min(static hosted => hosted.LastUsed);
        if (next is { } used)
        {
            var due = used + keep - _time.GetUtcNow();
            _timer ??= _time.CreateTimer(static host => ((ModelHost)host!).Sweep(), this, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
            _timer.Change(due < TimeSpan.Zero ? TimeSpan.Zero : due, Timeout.InfiniteTimeSpan);
        }
    }

    private static bool IsIdle(HostedModel hosted) => hosted.Users == 0 && !hosted.Options.IsPinned && hosted.State == HostedModelState.Loaded;

    private long Budget => _options.MemoryBudget ?? long.MaxValue;

    private IEnumerable<HostedModel> InMemory() => _models.Values.Concat(_removed).Where(static hosted => hosted.Footprint is not null);

    private long Total() => ModelFootprint.Sum(InMemory().Select(static hosted => hosted.Footprint!));

    private static long Together(IEnumerable<HostedModel> models, ModelFootprint further) => ModelFootprint.Sum([.. models.Select(static hosted => hosted.Footprint!), further]);

    /// <summary>Lets everybody who waits for a change look again. Under the lock.</summary>
    private void Changed()
    {
        var changed = _changed;
        _changed = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        changed.TrySetResult();
    }

    private void ThrowIfStopped()
    {
        if (_isStopped || _isDisposed)
        {
            throw Stopped();
        }
    }
}
