using Abi.Database.Engine;
using Abi.Database.Rows;
using Abi.Database.Storage;
using Abi.Database.Tests.Storage;

namespace Abi.Database.Tests.Engine;

/// <summary>Closing beside a commit.</summary>
public sealed class ClosingTests
{
    private static readonly TimeSpan Hang = TimeSpan.FromMinutes(1); // only so that a fault does not hold up all tests
    private static readonly TimeSpan Starved = TimeSpan.FromMilliseconds(300); // after a third of that, whoever waits for a lock gets it before all others

    /// <summary>A folder that may not be listed any more hides no other failure, and closing does not throw for it.</summary>
    [Test]
    public async Task AFolderThatMayNotBeListedDoesNotStopClosing()
    {
        var disk = new MemoryStorage();
        var options = History.Options();
        options.LogSegmentBytes = 1 << 20;
        using (var database = new VectorDatabase(new DatabaseEngine(disk, options)))
        {
            var collection = database.GetDynamicCollection("c", new CollectionDefinition { Data = [new DataField("text", DataKind.Text)] });
            await collection.EnsureCollectionExistsAsync();
            for (var i = 0; i < 12; i++)
            {
                await collection.UpsertAsync(new Dictionary<string, object?>(StringComparer.Ordinal) { ["Key"] = $"{i}", ["text"] = new string('x', 100_000) }); // enough to be saved at closing
            }

            var creations = 0;
            disk.Fails = (_, what) => what == "create" && ++creations == 2; // behind the segment of the log
            var isListed = false;
            disk.Listing = () =>
            {
                isListed = true;
                throw new UnauthorizedAccessException();
            };
            Assert.That(() => database.CheckpointAsync(), Throws.TypeOf<DatabaseException>().With.InnerException.InstanceOf<IOException>());
            Assert.That(isListed);
            (disk.Fails, isListed) = (null, false);
            Assert.That(() => database.Dispose(), Throws.Nothing);
            Assert.That(isListed);
        }

        disk.Listing = null;
        using var again = new VectorDatabase(new DatabaseEngine(disk, options));
        Assert.That(await again.GetDynamicCollection("c").CountAsync(), Is.EqualTo(12));
    }

    /// <summary>What is closed in order is there after a power cut, also when the checkpoint at closing fails.</summary>
    [Test]
    public async Task ACheckpointThatFailsDoesNotKeepTheLogFromItsLastFlush()
    {
        const int Records = 12;
        var disk = new MemoryStorage();
        var options = History.Options(Durability.Group);
        options.LogSegmentBytes = 4 << 20;
        using (var database = new VectorDatabase(new DatabaseEngine(disk, options)))
        {
            var collection = database.GetDynamicCollection("c", new CollectionDefinition { Data = [new DataField("text", DataKind.Text)] });
            await collection.EnsureCollectionExistsAsync();
            for (var i = 0; i < Records; i++)
            {
                await collection.UpsertAsync(new Dictionary<string, object?>(StringComparer.Ordinal) { ["Key"] = $"{i}", ["text"] = new string('x', 100_000) }); // enough to be saved at closing
            }

            var failures = 0;
            disk.Fails = (_, what) => what == "create" && ++failures > 0;
            database.Dispose();
            Assert.That(failures, Is.GreaterThan(0));
        }

        disk.Fails = null;
        for (var seed = 0; seed < 12; seed++)
        {
            using var again = new VectorDatabase(new DatabaseEngine(disk.CutAfter(disk.Journal.Count, new Random(seed)), options));
            Assert.That(await again.GetDynamicCollection("c").CountAsync(), Is.EqualTo(Records), $"power cut {seed}");
        }
    }

    /// <summary>What was acknowledged is there after closing and a power cut, also when a commit could not be applied and the log is all that takes no part in that.</summary>
    [Test]
    public async Task ACommitThatCannotBeAppliedDoesNotKeepTheLogFromItsLastFlush()
    {
        const int Records = 12;
        var disk = new MemoryStorage();
        var engine = new DatabaseEngine(disk, History.Options(Durability.Group));
        using (var database = new VectorDatabase(engine))
        {
            var collection = database.GetDynamicCollection("c", new CollectionDefinition { Key = KeyKind.Integer });
            await collection.EnsureCollectionExistsAsync();
            await collection.UpsertAsync(Enumerable.Range(0, Records).Select(i => new Dictionary<string, object?>(StringComparer.Ordinal) { ["Key"] = i }));
            Assert.That(() => engine.CommitAsync(new byte[] { byte.MaxValue }), Throws.TypeOf<DatabaseException>().With.Message.Contains("could not be applied"));
        }

        for (var seed = 0; seed < 12; seed++)
        {
            using var again = new VectorDatabase(new DatabaseEngine(disk.CutAfter(disk.Journal.Count, new Random(seed)), History.Options(recovery: RecoveryMode.Salvage)));
            var there = again.GetDynamicCollection("c");
            Assert.That(await there.CollectionExistsAsync() ? await there.CountAsync() : 0, Is.EqualTo(Records), $"power cut {seed}");
        }
    }

    /// <summary>After closing nobody flushes any more: of a commit that comes behind its last flush the writer is told that it is not there, and one that is acknowledged is there after a power cut.</summary>
    [Test]
    public async Task WhatIsAcknowledgedIsInTheLastFlush()
    {
        var disk = new MemoryStorage();
        var database = new VectorDatabase(new DatabaseEngine(disk, History.Options(Durability.Group)));
        var collection = database.GetDynamicCollection("c", new CollectionDefinition { Data = [new DataField("n", DataKind.Integer)] });
        await collection.EnsureCollectionExistsAsync();
        using var isWriting = new ManualResetEventSlim();
        using var mayWrite = new ManualResetEventSlim();
        disk.Fails = (_, what) =>
        {
            if (what == "write" && !isWriting.IsSet)
            {
                isWriting.Set();
                mayWrite.Wait();
            }
            else if (what == "flush")
            {
                Thread.Sleep(Starved); // the second commit comes to the log, which this flush holds
            }

            return false;
        };
        var first = Task.Factory.StartNew(() => collection.UpsertAsync(Record("first")), CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default).Unwrap();
        Assert.That(isWriting.Wait(Hang), Is.True);
        var second = collection.UpsertAsync(Record("second")); // behind the first, before it is closed
        var closing = new Thread(database.Dispose);
        closing.Start();
        Assert.That(SpinWait.SpinUntil(() => closing.ThreadState.HasFlag(ThreadState.WaitSleepJoin), Hang), Is.True);
        await Task.Delay(Starved);
        mayWrite.Set();
        Assert.That(closing.Join(Hang), Is.True);
        await first;
        var isAcknowledged = true;
        try
        {
            await second.WaitAsync(Hang);
        }
        catch (ObjectDisposedException)
        {
            isAcknowledged = false;
        }

        for (var seed = 0; seed < 12; seed++)
        {
            using var again = new VectorDatabase(new DatabaseEngine(disk.CutAfter(disk.Journal.Count, new Random(seed)), History.Options()));
            var found = again.GetDynamicCollection("c");
            Assert.That(await found.GetAsync("first"), Is.Not.Null);
            Assert.That(await found.GetAsync("second"), isAcknowledged ? Is.Not.Null : Is.Null, $"power cut {seed}");
        }

        static Dictionary<string, object?> Record(string key) => new(StringComparer.Ordinal) { ["Key"] = key, ["n"] = 1L };
    }

    /// <summary>What a checkpoint at closing wants to write is refused by the system: closing says nothing, since the log has all.</summary>
    [Test]
    public async Task WhatTheSystemRefusesIsAFailureOfTheDisk()
    {
        using var folder = new TemporaryFolder();
        var blocked = Path.Combine(folder["db"], "rows-000001-0000000002.abi.tmp"); // a folder cannot be written to as a file
        var database = await VectorDatabase.OpenAsync(folder["db"]);
        var collection = database.GetDynamicCollection("c", new CollectionDefinition { Data = [new DataField("text", DataKind.Text)] });
        await collection.EnsureCollectionExistsAsync();
        await collection.UpsertAsync(new Dictionary<string, object?> { ["Key"] = "a", ["text"] = new string('x', 2 << 20) });
        Directory.CreateDirectory(blocked);
        Assert.That(() => database.Dispose(), Throws.Nothing);
        Directory.Delete(blocked);
        await using var again = await VectorDatabase.OpenAsync(folder["db"]);
        Assert.That(await again.GetDynamicCollection("c").CountAsync(), Is.EqualTo(1));
    }

    /// <summary>A write that comes in the very moment of closing is made or refused, also when another thread would make it, which is so beside searches.</summary>
    [Test]
    public async Task NoWriteIsForgotten()
    {
        const int Writers = 8; // more than processors, so that one is interrupted where it matters
        for (var round = 0; round < 1000; round++)
        {
            var engine = new DatabaseEngine(new MemoryStorage(), History.Options(Durability.Os));
            var database = new VectorDatabase(engine);
            var collection = database.GetDynamicCollection("c", new CollectionDefinition { Data = [new DataField("n", DataKind.Integer)] });
            await collection.EnsureCollectionExistsAsync();
            var empty = new ByteWriter();
            empty.Byte((byte)OpCode.Write);
            empty.Int32(engine.Find("c")!.Schema.Id);
            empty.Int32(0);
            var payload = empty.ToArray();
            engine.NoteSearch();
            using var hasBegun = new Barrier(Writers + 1);
            var writers = Enumerable.Range(0, Writers).Select(_ => Task.Factory.StartNew(() =>
            {
                hasBegun.SignalAndWait();
                List<Task> writes = [];
                try
                {
                    while (true)
                    {
                        writes.Add(engine.CommitAsync(payload));
                    }
                }
                catch (ObjectDisposedException)
                {
                    return Task.WhenAll(writes.Select(write => write.ContinueWith(static _ => { }, CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default)));
                }
            }, CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default).Unwrap()).ToList();
            hasBegun.SignalAndWait();
            database.Dispose();
            await Task.WhenAll(writers).WaitAsync(Hang);
        }
    }
}
