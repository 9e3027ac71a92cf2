using System.Runtime.ExceptionServices;
using Abi.Llm.Sessions;

namespace Abi.Llm.Engine;

/// <summary>Sessions that outlive the process.</summary>
public sealed partial class InferenceEngine
{
    private SessionShape SessionShape => new(
        Definition.Fingerprint, $"{CacheTypes}, {Options.Activations} activations, pages of {Compute.Devices.StateStore.PageLength}, {_device.Name}", VocabularySize, ContextLength,
        _pool.Windows, checked((int)_pool.Store.PageBytes), checked((int)_pool.Store.SlotBytes));

    private string CacheTypes => Options.ValueCacheType is { } values && values != Options.CacheType ? $"{Options.CacheType} keys and {values} values" : $"{Options.CacheType}";

    internal async Task SaveAsync(Sequence sequence, Stream stream, CancellationToken cancellationToken)
    {
        var snapshot = await OnThreadAsync(() => Snapshot(sequence), cancellationToken).ConfigureAwait(false);
        await Task.Run(() => SessionFormat.Write(stream, snapshot, SessionShape), cancellationToken).ConfigureAwait(false);
    }

    internal async Task<InferenceSession> RestoreAsync(Stream stream, CancellationToken cancellationToken)
    {
        var snapshot = await Task.Run(() => SessionFormat.Read(stream, SessionShape), cancellationToken).ConfigureAwait(false);
        var sequence = NewSequence(isTemporary: false);
        sequence.Append(snapshot.Tokens);
        sequence.EncoderTokens = snapshot.EncoderTokens;
        sequence.SamplerState = snapshot.SamplerState;
        try
        {
            await OnThreadAsync(
                () =>
                {
                    if (snapshot.Cached > 0 && TryReserve(sequence))
                    {
                        sequence.Load(snapshot, _pool.Store);
                        _idle.Add(sequence);
                    }

                    return true; // without room, the tokens are computed anew when the session is used
                },
                cancellationToken).ConfigureAwait(false);
        }
        catch
        {
            Release(sequence); // the engine may still get to it
            throw;
        }

        return new InferenceSession(this, sequence);
    }

    private SessionSnapshot Snapshot(Sequence sequence)
    {
        ObjectDisposedException.ThrowIf(sequence.IsDisposed, typeof(InferenceSession));
        if (sequence.Owner is not null)
        {
            throw new InvalidOperationException("The session is in use: wait for its generation to end, then save it.");
        }

        return sequence.Snapshot(_pool.Store);
    }

    /// <summary>Has something done on the engine's thread, between steps.</summary>
    private async Task<T> OnThreadAsync<T>(Func<T> function, CancellationToken cancellationToken)
    {
        var completion = new TaskCompletionSource<T>(TaskCreationOptions.RunContinuationsAsynchronously);
        lock (_gate)
        {
            ThrowIfEnded();
        }

        Post(() =>
        {
            try
            {
                completion.TrySetResult(function());
            }
            catch (Exception exception)
            {
                completion.TrySetException(exception);
            }
        });
        await Task.WhenAny(completion.Task, _ended.Task).WaitAsync(cancellationToken).ConfigureAwait(false);
        if (!completion.Task.IsCompleted)
        {
            ExceptionDispatchInfo.Throw(await _ended.Task.ConfigureAwait(false)); // the engine ended before it got to it
        }

        return await completion.Task.ConfigureAwait(false);
    }
}
