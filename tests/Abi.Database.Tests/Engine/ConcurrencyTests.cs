namespace Abi.Database.Tests.Engine;

/// <summary>Promise 11: readers see one commit, whole, whatever is written meanwhile.</summary>
public sealed class ConcurrencyTests
{
    private static readonly CollectionDefinition Definition = new()
    {
        Key = KeyKind.Integer,
        Data = [new DataField("n", DataKind.Integer) { IsIndexed = true }],
        Vectors = [new VectorField("v", 8) { IndexKind = IndexKind.Hnsw, Connections = 8, ConstructionEffort = 40 }],
    };

    [Test]
    public async Task AReaderNeverSeesHalfABatch()
    {
        using var folder = new TemporaryFolder();
        await using var database = await VectorDatabase.OpenAsync(new DatabaseOptions { Path = folder["db"], Durability = Durability.Os, CheckpointBytes = 1 << 19, LogSegmentBytes = 1 << 18, IndexThreads = 2 });
        var collection = database.GetDynamicCollection("c", Definition);
        await collection.EnsureCollectionExistsAsync();
        const int Records = 40;
        await WriteAsync(collection, 0, Records);
        using var stop = new CancellationTokenSource(TimeSpan.FromSeconds(4));
        var writes = 0;
        var writer = Task.Run(async () =>
        {
            for (var round = 1; !stop.IsCancellationRequested; round++)
            {
                await WriteAsync(collection, round, Records);
                writes++;
            }
        });
        var reads = 0;
        var readers = Enumerable.Range(0, 3).Select(id => Task.Run(async () =>
        {
            var last = -1L;
            while (!stop.IsCancellationRequested)
            {
                HashSet<long> rounds = [];
                HashSet<object> keys = [];
                await foreach (var record in collection.ListAsync())
                {
                    rounds.Add((long)record["n"]!);
                    keys.Add(record["Key"]!);
                }

                Assert.That(rounds, Has.Count.EqualTo(1));
                Assert.That(keys, Has.Count.EqualTo(Records));
                Assert.That(rounds.Single(), Is.GreaterThanOrEqualTo(last), "time went backwards");
                last = rounds.Single();
                Assert.That(collection.SearchKeys([1, 2, 3, 4, 5, 6, 7, 8], Records).Select(match => match.Key).Distinct().Count(), Is.EqualTo(Records));
                Assert.That(await collection.CountAsync(), Is.EqualTo(Records));
                Assert.That(await collection.GetAsync((long)(id * 5)), Is.Not.Null);
                Interlocked.Increment(ref reads);
                await Task.Yield(); // reads complete at once, and the writer wants a thread of the pool, too
            }
        })).ToList();
        await Task.WhenAll([writer, .. readers]);
        await TestContext.Out.WriteLineAsync($"{writes} writes of {Records}, {reads} reads");
        Assert.That(writes, Is.GreaterThan(10));
    }

    /// <summary>Single-key registers: a read gives the value of a write that had begun by its end, and none that another acknowledged write had replaced before it began.</summary>
    [Test]
    public async Task WritesToAKeyAreLinearizable()
    {
        using var folder = new TemporaryFolder();
        await using var database = await VectorDatabase.OpenAsync(new DatabaseOptions { Path = folder["db"], Durability = Durability.Os });
        var collection = database.GetDynamicCollection("c", Definition);
        await collection.EnsureCollectionExistsAsync();
        const int Keys = 4;
        var begun = new long[Keys];
        var acknowledged = new long[Keys];
        for (var key = 0; key < Keys; key++)
        {
            await collection.UpsertAsync(Record(key, 0));
        }

        using var stop = new CancellationTokenSource(TimeSpan.FromSeconds(2));
        var threads = Enumerable.Range(0, 8).Select(id => Task.Factory.StartNew(() =>
        {
            var key = id % Keys;
            for (var value = 1L; !stop.IsCancellationRequested; value++)
            {
                if (id < Keys)
                {
                    Volatile.Write(ref begun[key], value);
                    collection.UpsertAsync(Record(key, value)).GetAwaiter().GetResult();
                    Volatile.Write(ref acknowledged[key], value);
                }
                else
                {
                    var least = Volatile.Read(ref acknowledged[key]);
                    var read = (long)collection.GetAsync((long)key, includeVectors: false).GetAwaiter().GetResult()!["n"]!;
                    Assert.That(read, Is.InRange(least, Volatile.Read(ref begun[key])));
                }
            }
        }, CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default));
        await Task.WhenAll(threads);
        Assert.That(acknowledged, Is.All.GreaterThan(10));
    }

    [Test]
    public async Task OneWritesManyRead()
    {
        using var folder = new TemporaryFolder();
        await using var writer = await VectorDatabase.OpenAsync(folder["db"]);
        var collection = writer.GetDynamicCollection("c", Definition);
        await collection.EnsureCollectionExistsAsync();
        await collection.UpsertAsync(Record(1, 1));
        Assert.That(async () => await VectorDatabase.OpenAsync(folder["db"]), Throws.TypeOf<DatabaseException>().With.Message.Contains("elsewhere").And.Message.Contains("ReadOnly"));
        await using var reader = await VectorDatabase.OpenAsync(new DatabaseOptions { Path = folder["db"], Access = DatabaseAccess.ReadOnly });
        var seen = reader.GetDynamicCollection("c");
        Assert.That(await seen.CountAsync(), Is.EqualTo(1));
        Assert.That(async () => await seen.DeleteAsync(1), Throws.TypeOf<DatabaseException>());
        await collection.UpsertAsync(Record(2, 1));
        Assert.That(await seen.CountAsync(), Is.EqualTo(1));
        await reader.RefreshAsync();
        Assert.That(await seen.CountAsync(), Is.EqualTo(2));
        await writer.CheckpointAsync();
        await collection.UpsertAsync(Record(3, 1));
        await reader.RefreshAsync();
        Assert.That(await seen.CountAsync(), Is.EqualTo(3));
        Assert.That(seen.SearchKeys([1, 2, 3, 4, 5, 6, 7, 8], 9), Has.Count.EqualTo(3));

        // The third waits for the writer to link it; a reader links nothing, and does not wait for it either.
        Assert.That(reader.Engine.Find("c")!.StoreOrNull!.NeedsMaintenance, Is.True);
        using var soon = new CancellationTokenSource(TimeSpan.FromSeconds(10));
        await reader.WaitForIndexAsync(soon.Token);
    }

    private static Task WriteAsync(VectorCollection<object, Dictionary<string, object?>> collection, long round, int records) =>
        collection.UpsertAsync(Enumerable.Range(0, records).Select(key => Record(key, round)));

    private static Dictionary<string, object?> Record(int key, long value) => new(StringComparer.Ordinal)
    {
        ["Key"] = (long)key,
        ["n"] = value,
        ["v"] = Enumerable.Range(0, 8).Select(i => MathF.Sin((key * 8) + i + (value * 0.01f)) + 2).ToArray(),
    };
}
