using System.Runtime.ExceptionServices;
using Microsoft.Extensions.Logging;

namespace Abi;

#pragma warning disable CA1001 // Neither field ever makes a wait handle or a timer, and late callers must still find them.
/// <summary>Starts features in order, rolls back on failure, stops in reverse. Calls are serialised: the second waits for the first.</summary>
internal sealed class FeatureLifecycle(IReadOnlyList<IAbiFeature> features, ILogger logger, TimeProvider time)
#pragma warning restore CA1001
{
    private readonly SemaphoreSlim _turn = new(1, 1);
    private readonly CancellationTokenSource _ending = new();
    private readonly List<IAbiFeature> _started = [];
    private volatile AbiState _state = AbiState.Created;

    internal AbiState State => _state;

    internal async Task StartAsync(CancellationToken cancellationToken)
    {
        ObjectDisposedException.ThrowIf(_ending.IsCancellationRequested, typeof(AbiFramework));
        using var linked = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, _ending.Token);
        await _turn.WaitAsync(linked.Token).ConfigureAwait(false);
        try
        {
            if (_state == AbiState.Running)
            {
                return;
            }

            ObjectDisposedException.ThrowIf(_state == AbiState.Disposed, typeof(AbiFramework));
            Enter(AbiState.Starting);
            foreach (var feature in features)
            {
                await StartOneAsync(feature, linked.Token).ConfigureAwait(false);
            }

            Enter(AbiState.Running);
        }
        finally
        {
            _turn.Release();
        }
    }

    internal async Task StopAsync(CancellationToken cancellationToken)
    {
        await _turn.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            if (_state != AbiState.Running)
            {
                return;
            }

            Enter(AbiState.Stopping);
            var errors = await StopStartedAsync(cancellationToken).ConfigureAwait(false);
            Enter(AbiState.Stopped);
            if (errors.Count == 1)
            {
                ExceptionDispatchInfo.Throw(errors[0]);
            }

            if (errors.Count > 1)
            {
                throw new AggregateException("Several features failed to stop.", errors);
            }
        }
        finally
        {
            _turn.Release();
        }
    }

    /// <summary>Cancels a start in progress, stops what runs, and ends. Failures are logged, never thrown.</summary>
    internal async Task EndAsync()
    {
        await _ending.CancelAsync().ConfigureAwait(false);
        await _turn.WaitAsync().ConfigureAwait(false);
        try
        {
            if (_started.Count > 0)
            {
                Enter(AbiState.Stopping);
                await StopStartedAsync(CancellationToken.None).ConfigureAwait(false);
            }

            if (_state != AbiState.Disposed)
            {
                Enter(AbiState.Disposed);
            }
        }
        finally
        {
            _turn.Release();
        }
    }

    private async Task StartOneAsync(IAbiFeature feature, CancellationToken cancellationToken)
    {
        var begun = time.GetTimestamp();
        try
        {
            cancellationToken.ThrowIfCancellationRequested();
            await feature.StartAsync(cancellationToken).ConfigureAwait(false);
        }
        catch (Exception error)
        {
            if (error is OperationCanceledException && cancellationToken.IsCancellationRequested)
            {
                LifecycleLog.StartCancelled(logger, feature.Name);
            }
            else
            {
                LifecycleLog.FeatureStartFailed(logger, error, feature.Name);
            }

            // What went wrong is what the caller hears of; a failure while rolling back is in the log.
            await StopStartedAsync(CancellationToken.None).ConfigureAwait(false);
            Enter(AbiState.Failed);
            throw;
        }

        _started.Add(feature);
        LifecycleLog.FeatureStarted(logger, feature.Name, (long)time.GetElapsedTime(begun).TotalMilliseconds);
    }

    private async Task<List<Exception>> StopStartedAsync(CancellationToken cancellationToken)
    {
        var errors = new List<Exception>();
        for (var index = _started.Count - 1; index >= 0; index--)
        {
            var feature = _started[index];
            _started.RemoveAt(index);
            var begun = time.GetTimestamp();
            try
            {
                await feature.StopAsync(cancellationToken).ConfigureAwait(false);
                LifecycleLog.FeatureStopped(logger, feature.Name, (long)time.GetElapsedTime(begun).TotalMilliseconds);
            }
            catch (Exception error)
            {
                // The others are stopped all the same.
                LifecycleLog.FeatureStopFailed(logger, error, feature.Name);
                errors.Add(error);
            }
        }

        return errors;
    }

    private void Enter(AbiState state)
    {
        LifecycleLog.StateChanged(logger, _state, state);
        _state = state;
    }
}
