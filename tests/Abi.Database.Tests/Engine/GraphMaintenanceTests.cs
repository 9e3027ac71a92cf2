using Abi.Database.Engine;
using Abi.Database.Tests.Storage;

namespace Abi.Database.Tests.Engine;

/// <summary>The thread that grows the graphs of all collections.</summary>
public sealed class GraphMaintenanceTests
{
    private static readonly TimeSpan Hang = TimeSpan.FromMinutes(1); // only so that a fault does not hold up all tests

    private static readonly CollectionDefinition Definition = new() { Key = KeyKind.Integer, Vectors = [new VectorField("v", 8) { IndexKind = IndexKind.Hnsw }] };

    /// <summary>While a graph is being written, which may take long, the graphs of other collections grow, and commits to its own go on, however many records they delete.</summary>
    [Test]
    public async Task NobodyWaitsForAGraphThatIsWritten()
    {
        const int Records = 300;
        using var folder = new TemporaryFolder();
        await using var database = await VectorDatabase.OpenAsync(new DatabaseOptions { Path = folder["db"], Durability = Durability.Os });
        var (written, other) = (database.GetDynamicCollection("written", Definition), database.GetDynamicCollection("other", Definition));
        await written.EnsureCollectionExistsAsync();
        await other.EnsureCollectionExistsAsync();
        await written.UpsertAsync(Enumerable.Range(0, Records).Select(id => Record(id, 0)));
        await database.WaitForIndexAsync();

        using var begun = new ManualResetEventSlim();
        using var end = new ManualResetEventSlim();
        var writing = Task.Factory.StartNew(
            () => database.Engine.Find("written")!.Store.Vectors[0].WithStillGraph(() =>
            {
                begun.Set();
                end.Wait();
            }),
            CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
        try
        {
            Assert.That(begun.Wait(Hang), Is.True);
            var commits = Task.Run(async () =>
            {
                for (var i = 0; i < 2 * Records; i++)
                {
                    await written.UpsertAsync(Record(i % Records, 1 + (i / Records)));
                }
            });
            await commits.WaitAsync(Hang);
            await other.UpsertAsync(Enumerable.Range(0, Records).Select(id => Record(id, 0)));
            Assert.That(SpinWait.SpinUntil(() => other.GetStatistics().Vectors[0].Pending == 0, Hang), Is.True);
            Assert.That(written.GetStatistics().Vectors[0].Pending, Is.EqualTo(2 * Records));
        }
        finally
        {
            end.Set();
            await writing.WaitAsync(Hang);
        }

        await database.WaitForIndexAsync().WaitAsync(Hang);
        Assert.That(await written.CountAsync(), Is.EqualTo(Records));
        Assert.That(written.SearchKeys(Vector(7, 2), 1)[0].Key, Is.EqualTo(7L));
    }

    /// <summary>Nor does a graph stand still for as long as the disk takes to make its file durable: what is written meanwhile would have to be compared by every search.</summary>
    [TestCase(IndexKind.Hnsw, 2000)] // more than is held back until the end
    [TestCase(IndexKind.IvfPq, 10_000)]
    public async Task NoGraphStandsStillWhileItsFileIsFlushed(IndexKind kind, int records)
    {
        var disk = new MemoryStorage();
        await using var database = new VectorDatabase(new DatabaseEngine(disk, History.Options(Durability.Os)));
        var collection = database.GetDynamicCollection("c", new CollectionDefinition { Key = KeyKind.Integer, Vectors = [new VectorField("v", 8) { IndexKind = kind }] });
        await collection.EnsureCollectionExistsAsync();
        await collection.UpsertAsync(Enumerable.Range(0, records).Select(id => Record(id, 0)));
        await database.WaitForIndexAsync();
        var index = database.Engine.Find("c")!.Store.Vectors[0];
        HashSet<(string Step, bool IsStill)> seen = [];
        disk.Fails = (_, step) =>
        {
            seen.Add((step, index.IsStill));
            return false;
        };
        await database.CheckpointAsync();
        disk.Fails = null;
        Assert.That(seen, Does.Contain(("write", true)).And.Contain(("flush", false)).And.Not.Contain(("flush", true)));
    }

    private static Dictionary<string, object?> Record(int id, int version) => new() { ["Key"] = (long)id, ["v"] = Vector(id, version) };

    private static float[] Vector(int id, int version)
    {
        var random = new Random((id * 10) + version);
        return [.. Enumerable.Range(0, 8).Select(_ => random.NextSingle() - 0.5f)];
    }
}
