namespace Abi.Database.Storage;

/// <summary>
/// A token bucket for the writes of background work: by any moment no more was let through than the rate allows since the beginning, plus what a tenth of a second is worth.
/// </summary>
/// <remarks>Thread-safe. Once it is lifted nothing waits any more.</remarks>
/// <param name="bytesPerSecond">The rate; 0: no limit.</param>
/// <param name="clock">Measures and waits.</param>
/// <param name="lifted">Lifts it.</param>
internal sealed class WriteThrottle(long bytesPerSecond, TimeProvider clock, CancellationToken lifted)
{
    private const int BurstParts = 10; // of a second: more than the timers' grain, so that a wait that took too long is made up for

    private readonly Lock _gate = new();
    private long _paidUntil = long.MinValue; // a time stamp: what was let through takes the rate until then

    /// <summary>Waits until so many bytes may be written.</summary>
    public void Wait(int bytes)
    {
        if (Take(bytes) is { } wait)
        {
            WaitAsync(wait, CancellationToken.None).GetAwaiter().GetResult();
        }
    }

    /// <summary>Waits until so many bytes may be written.</summary>
    public Task WaitAsync(int bytes, CancellationToken cancellationToken) => Take(bytes) is { } wait ? WaitAsync(wait, cancellationToken) : Task.CompletedTask;

    private async Task WaitAsync(TimeSpan wait, CancellationToken cancellationToken)
    {
        using var either = CancellationTokenSource.CreateLinkedTokenSource(lifted, cancellationToken);
        await Task.Delay(wait, clock, either.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        cancellationToken.ThrowIfCancellationRequested();
    }

    private TimeSpan? Take(int bytes)
    {
        if (bytesPerSecond <= 0 || lifted.IsCancellationRequested)
        {
            return null;
        }

        lock (_gate)
        {
            var now = clock.GetTimestamp();
            _paidUntil = Math.Max(_paidUntil, now - (clock.TimestampFrequency / BurstParts)) + (long)Math.Ceiling((double)bytes * clock.TimestampFrequency / bytesPerSecond);
            return _paidUntil > now ? TimeSpan.FromTicks((long)Math.Ceiling((double)(_paidUntil - now) * TimeSpan.TicksPerSecond / clock.TimestampFrequency)) : null;
        }
    }
}
