using Abi.Database.Engine;
using Abi.Database.Storage;

namespace Abi.Database.Tests.Storage;

/// <summary>The limit of background writing, by a clock that the test moves.</summary>
public sealed class WriteThrottleTests
{
    private static readonly TimeSpan Hang = TimeSpan.FromMinutes(2); // only so that a fault does not hold up all tests

    [Test]
    public async Task LetsThroughWhatTheRateAllowsAndATenthOfASecondMore()
    {
        var clock = new ManualClock();
        using var lifted = new CancellationTokenSource();
        var throttle = new WriteThrottle(10_000, clock, lifted.Token);
        var waits = Enumerable.Range(0, 30).Select(_ => throttle.WaitAsync(1000, CancellationToken.None)).ToList();
        for (var through = 1; through < waits.Count; through++)
        {
            await Task.WhenAll(waits[..through]).WaitAsync(Hang);
            Assert.That(waits[through..].Exists(wait => wait.IsCompleted), Is.False, $"after {clock.Elapsed}");
            clock.Advance(TimeSpan.FromMilliseconds(99));
            Assert.That(waits[through..].Exists(wait => wait.IsCompleted), Is.False, $"after {clock.Elapsed}");
            clock.Advance(TimeSpan.FromMilliseconds(1));
        }

        await Task.WhenAll(waits).WaitAsync(Hang);

        // What was not used for long is not saved up.
        clock.Advance(TimeSpan.FromHours(1));
        var first = throttle.WaitAsync(1000, CancellationToken.None);
        var second = throttle.WaitAsync(1000, CancellationToken.None);
        await first.WaitAsync(Hang);
        Assert.That(second.IsCompleted, Is.False);
        await lifted.CancelAsync();
        await second.WaitAsync(Hang);
        await throttle.WaitAsync(1_000_000, CancellationToken.None).WaitAsync(Hang);
    }

    [Test]
    public async Task CancellingEndsAWait()
    {
        using var cancel = new CancellationTokenSource();
        var wait = new WriteThrottle(1024, new ManualClock(), CancellationToken.None).WaitAsync(100_000, cancel.Token);
        await cancel.CancelAsync();
        Assert.That(async () => await wait.WaitAsync(Hang), Throws.InstanceOf<OperationCanceledException>());
    }

    /// <summary>Checkpoints, backups, compaction and archiving each take the time of what they write; commits none.</summary>
    [TestCase("checkpoint")]
    [TestCase("backup")]
    [TestCase("stream")]
    [TestCase("compact")]
    [TestCase("archive")]
    public async Task LimitsBackgroundWorkAndNeverCommits(string work)
    {
        const int Rate = 1_000_000;
        var (clock, disk, target) = (new ManualClock(), new MemoryStorage(), new MemoryStorage());
        var options = Options(clock, Rate);
        using var stream = new MemoryStream();
        options.LogArchive = work == "archive" ? "archive" : null;
        disk.Archive = () => target;
        using var database = new VectorDatabase(new DatabaseEngine(disk, options));
        var collection = await FillAsync(database);
        var running = work switch
        {
            "checkpoint" => database.CheckpointAsync(),
            "backup" => Task.Run(() => database.Engine.Backup(target, new BackupOptions())),
            "stream" => database.BackupAsync(stream),
            "compact" => database.CompactAsync(),
            _ => database.ArchiveLogAsync(),
        };
        await collection.UpsertAsync(CrashTests.Record(1_000_000, 0)).WaitAsync(Hang);
        var began = clock.Elapsed;
        Assert.That(running.IsCompleted, Is.False);
        while (!running.IsCompleted)
        {
            clock.Advance(TimeSpan.FromMilliseconds(1));
            await Task.Yield();
        }

        await running;
        var written = work switch
        {
            "stream" => stream.Length,
            "checkpoint" or "compact" => disk.Files().Where(file => file.Key.StartsWith("rows-", StringComparison.Ordinal)).Sum(file => file.Value.LongLength),
            _ => target.Files().Where(file => !file.Key.EndsWith(Manifest.FileName, StringComparison.Ordinal)).Sum(file => file.Value.LongLength),
        };
        await TestContext.Out.WriteLineAsync($"{written} bytes in {clock.Elapsed - began}");
        Assert.That(written, Is.GreaterThan(Rate / 4));
        Assert.That((clock.Elapsed - began).TotalSeconds, Is.GreaterThanOrEqualTo(((double)written / Rate) - 0.11));
        Assert.That(await collection.CountAsync(), Is.EqualTo(2001));
    }

    /// <summary>The clock stands still: whoever waited for it would wait for ever.</summary>
    [TestCase("checkpoint")]
    [TestCase("backup")]
    [TestCase("stream")]
    [TestCase("archive")]
    public async Task ClosingDoesNotWaitAtThatPace(string work)
    {
        var (clock, target) = (new ManualClock(), new MemoryStorage());
        var options = Options(clock, 1024);
        options.LogArchive = work == "archive" ? "archive" : null;
        var disk = new MemoryStorage { Archive = () => target };
        var database = new VectorDatabase(new DatabaseEngine(disk, options));
        await FillAsync(database);
        var running = work switch
        {
            "checkpoint" => database.CheckpointAsync(),
            "backup" => Task.Run(() => database.Engine.Backup(target, new BackupOptions())),
            "stream" => database.BackupAsync(new MemoryStream()),
            _ => database.ArchiveLogAsync(),
        };
        await Task.Delay(50); // so that it has mostly begun; either way the outcome is the same
        await database.DisposeAsync().AsTask().WaitAsync(Hang);
        try
        {
            await running.WaitAsync(Hang);
        }
        catch (ObjectDisposedException)
        {
            // it had not begun, or it is one that closing ends
        }

        using var again = new VectorDatabase(new DatabaseEngine(disk, History.Options()));
        Assert.That(await again.GetDynamicCollection("c").CountAsync(), Is.EqualTo(2000));
    }

    private static DatabaseOptions Options(TimeProvider clock, long rate) =>
        new() { Clock = clock, BackgroundBytesPerSecond = rate, LogSegmentBytes = 1 << 20, CheckpointBytes = long.MaxValue, Durability = Durability.Os };

    private static async Task<VectorCollection<object, Dictionary<string, object?>>> FillAsync(VectorDatabase database)
    {
        var collection = database.GetDynamicCollection("c", new CollectionDefinition { Data = [new DataField("number", DataKind.Integer), new DataField("text", DataKind.Text)], Vectors = [new VectorField("vector", 8)] });
        await collection.EnsureCollectionExistsAsync();
        await collection.UpsertAsync(Enumerable.Range(0, 2000).Select(i =>
        {
            var record = CrashTests.Record(i, 0);
            record["text"] = new string('x', 200);
            return record;
        }));
        return collection;
    }
}
