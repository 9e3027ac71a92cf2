using Abi.Database.Engine;
using Abi.Database.Tests.Storage;

namespace Abi.Database.Tests.Engine;

/// <summary>A system that allows no more threads.</summary>
public sealed class ThreadShortageTests
{
    private const int Records = 200;

    private static readonly TimeSpan Hang = TimeSpan.FromMinutes(1); // only so that a fault does not hold up all tests

    private static readonly CollectionDefinition Definition = new() { Key = KeyKind.Integer, Vectors = [new VectorField("v", 2) { IndexKind = IndexKind.Hnsw }] };

    /// <summary>Commits are acknowledged and found, and graphs and checkpoints come when there are threads again.</summary>
    [Test]
    public async Task BackgroundWorkWaitsForThreads()
    {
        var disk = new MemoryStorage();
        List<string> refused = [];
        var isShort = true;
        var options = Options((work, name) =>
        {
            if (Volatile.Read(ref isShort))
            {
                refused.Add(name);
                return null;
            }

            return DatabaseEngine.TryStartThread(work, name);
        });
        await using var database = new VectorDatabase(new DatabaseEngine(disk, options));
        var collection = await FillAsync(database);
        Assert.That(refused, Does.Contain("Abi.Database graphs").And.Contain("Abi.Database checkpoint"));
        Assert.That(collection.GetStatistics().Vectors[0].Pending, Is.EqualTo(Records));
        Assert.That(collection.SearchKeys(Vector(7), 1)[0].Key, Is.EqualTo(7L));
        Assert.That(disk.List(), Has.None.StartsWith("rows-"));

        Volatile.Write(ref isShort, false);
        await collection.UpsertAsync(Record(Records));
        Assert.That(SpinWait.SpinUntil(() => collection.GetStatistics().Vectors[0].Pending == 0, Hang), Is.True);
        Assert.That(SpinWait.SpinUntil(() => disk.List().Any(name => name.StartsWith("rows-", StringComparison.Ordinal)), Hang), Is.True);
        Assert.That(collection.SearchKeys(Vector(7), 1)[0].Key, Is.EqualTo(7L));
    }

    /// <summary>Closing gives the folder back, with all that was written.</summary>
    [Test]
    public async Task ClosesWithoutThreads()
    {
        var disk = new MemoryStorage();
        var options = Options((_, _) => null);
        await using (var database = new VectorDatabase(new DatabaseEngine(disk, options)))
        {
            await FillAsync(database);
        }

        await using var again = new VectorDatabase(new DatabaseEngine(disk, options));
        Assert.That(await again.GetDynamicCollection("c").CountAsync(), Is.EqualTo(Records));
    }

    private static DatabaseOptions Options(Func<ThreadStart, string, Thread?> startThread) => new() { Durability = Durability.Os, LogSegmentBytes = 1 << 14, CheckpointBytes = 1 << 10, StartThread = startThread };

    private static async Task<VectorCollection<object, Dictionary<string, object?>>> FillAsync(VectorDatabase database)
    {
        var collection = database.GetDynamicCollection("c", Definition);
        await collection.EnsureCollectionExistsAsync();
        for (var id = 0; id < Records; id++)
        {
            await collection.UpsertAsync(Record(id));
        }

        return collection;
    }

    private static Dictionary<string, object?> Record(int id) => new() { ["Key"] = (long)id, ["v"] = Vector(id) };

    private static float[] Vector(int id) => [MathF.Cos(id * 0.03f), MathF.Sin(id * 0.03f)];
}
