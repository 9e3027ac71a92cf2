namespace Abi.Database.Tests;

/// <summary>A clock that a test moves.</summary>
internal sealed class StepClock : TimeProvider
{
    private long _ticks = new DateTimeOffset(2026, 1, 1, 0, 0, 0, TimeSpan.Zero).Ticks;

    public override DateTimeOffset GetUtcNow() => new(Interlocked.Read(ref _ticks), TimeSpan.Zero);

    public void Step(TimeSpan? time = null) => Interlocked.Add(ref _ticks, (time ?? TimeSpan.FromSeconds(1)).Ticks);
}
