namespace Abi.Database.Engine;

/// <summary>Where those who wrote to a collection wait while its graphs are behind.</summary>
/// <remarks>Thread-safe. Nobody waits longer than <see cref="Longest"/>, whatever becomes of the graphs: writes get slow, but none stands still.</remarks>
internal sealed class WriteStall
{
    /// <summary>The longest wait.</summary>
    public static readonly TimeSpan Longest = TimeSpan.FromMilliseconds(100);

    private TaskCompletionSource? _end;

    /// <summary>Waits for <see cref="End"/>, but not for long.</summary>
    /// <param name="isBehind">Whether there is something to wait for.</param>
    /// <param name="cancellationToken">Ends the wait: what is waited for has been written.</param>
    public async Task WaitAsync(Func<bool> isBehind, CancellationToken cancellationToken)
    {
        if (Volatile.Read(ref _end) is not { } end)
        {
            var made = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            end = Interlocked.CompareExchange(ref _end, made, null) ?? made;
        }

        if (isBehind()) // looked at when End would find this wait
        {
            await end.Task.WaitAsync(Longest, cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    /// <summary>Lets all go on that wait.</summary>
    public void End() => Interlocked.Exchange(ref _end, null)?.SetResult();
}
