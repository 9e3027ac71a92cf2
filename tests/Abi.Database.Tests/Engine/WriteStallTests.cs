using Abi.Database.Engine;

namespace Abi.Database.Tests.Engine;

/// <summary>Writes that are held back while searches would have to compare too much.</summary>
public sealed class WriteStallTests
{
    private const int MostWaiting = 128; // as documented
    private static readonly TimeSpan Hang = TimeSpan.FromMinutes(2); // only so that a fault does not hold up all tests

    private static readonly CollectionDefinition Definition = new() { Key = KeyKind.Integer, Vectors = [new VectorField("v", 64) { IndexKind = IndexKind.Hnsw }] };

    [Test]
    public async Task EndLetsAllGoOn()
    {
        var stall = new WriteStall();
        var isBehind = true;
        for (var round = 0; round < 100; round++)
        {
            isBehind = true;
            var waits = Enumerable.Range(0, 4).Select(_ => stall.WaitAsync(() => isBehind, CancellationToken.None)).ToList();
            isBehind = false;
            stall.End();
            await Task.WhenAll(waits).WaitAsync(Hang);
        }

        await stall.WaitAsync(() => isBehind, CancellationToken.None).WaitAsync(Hang);
    }

    [Test]
    public async Task NobodyWaitsForEver() => await new WriteStall().WaitAsync(() => true, CancellationToken.None).WaitAsync(Hang);

    [Test]
    public async Task CancellingEndsAWait()
    {
        using var cancel = new CancellationTokenSource();
        await cancel.CancelAsync();
        var wait = new WriteStall().WaitAsync(() => true, cancel.Token);
        Assert.That(wait.IsCompletedSuccessfully);
    }

    /// <summary>Beside searches a write returns when the graph has caught up, or after its longest wait; with the option off at once.</summary>
    [TestCase(true)]
    [TestCase(false)]
    public async Task AWriteBesideSearchesWaitsForTheGraph(bool prioritize)
    {
        using var folder = new TemporaryFolder();
        await using var database = await VectorDatabase.OpenAsync(new DatabaseOptions { Path = folder["db"], Durability = Durability.Os, IndexThreads = 1, PrioritizeSearches = prioritize });
        var collection = database.GetDynamicCollection("c", Definition);
        await collection.EnsureCollectionExistsAsync();
        using var stop = new CancellationTokenSource();
        var searches = Task.Run(() => Search(collection, stop.Token));
        var random = new Random(1);
        await collection.UpsertAsync(Enumerable.Range(0, 10_000).Select(id => Record(id, random)));
        var outran = 0; // writes that returned at once, far ahead of the graph
        for (var id = 10_000; id < 10_010; id++)
        {
            collection.SearchKeys(Vector(random), 3); // whatever the other thread has come to
            var begun = Environment.TickCount64;
            await collection.UpsertAsync(Record(id, random));
            if (Environment.TickCount64 - begun < WriteStall.Longest.TotalMilliseconds / 2 && collection.GetStatistics().Vectors[0].Pending > MostWaiting + 1)
            {
                outran++;
            }
        }

        await stop.CancelAsync();
        await searches;
        Assert.That(outran, prioritize ? Is.Zero : Is.Positive);
    }

    /// <summary>Closing ends all that waits for turns, graphs and the log, in the middle of it all.</summary>
    [Test]
    public async Task ClosingEndsWritersThatAreHeldBack([Values] bool isEncrypted)
    {
        using var folder = new TemporaryFolder();
        using var key = isEncrypted ? EncryptionKey.FromBytes(new byte[32]) : null;
        for (var round = 0; round < 5; round++)
        {
            var database = await VectorDatabase.OpenAsync(new DatabaseOptions { Path = folder["db"], Durability = Durability.Os, CheckpointBytes = 1 << 19, LogSegmentBytes = 1 << 18, EncryptionKey = key });
            var collection = database.GetDynamicCollection("c", Definition);
            await collection.EnsureCollectionExistsAsync();
            await collection.UpsertAsync(Enumerable.Range(0, 1000).Select(id => Record(id, new Random(id))));
            using var stop = new CancellationTokenSource();
            var written = 0;
            var searches = Task.Run(() => Search(collection, stop.Token));
            var writers = Enumerable.Range(0, 8).Select(writer => Task.Run(async () =>
            {
                var random = new Random(writer);
                try
                {
                    while (true)
                    {
                        await collection.UpsertAsync(Record(random.Next(4000), random));
                        Interlocked.Increment(ref written);
                    }
                }
                catch (ObjectDisposedException)
                {
                }
            })).ToList();
            Assert.That(SpinWait.SpinUntil(() => Volatile.Read(ref written) > 200, Hang), Is.True);
            await stop.CancelAsync();
            await searches;
            await database.DisposeAsync().AsTask().WaitAsync(Hang);
            await Task.WhenAll(writers).WaitAsync(Hang);
        }
    }

    private static void Search(VectorCollection<object, Dictionary<string, object?>> collection, CancellationToken stop)
    {
        var random = new Random(7);
        while (!stop.IsCancellationRequested)
        {
            collection.SearchKeys(Vector(random), 3);
            stop.WaitHandle.WaitOne(1);
        }
    }

    private static Dictionary<string, object?> Record(int id, Random random) => new() { ["Key"] = (long)id, ["v"] = Vector(random) };

    private static float[] Vector(Random random) => [.. Enumerable.Range(0, 64).Select(_ => random.NextSingle() - 0.5f)];
}
