using Abi.Database.Engine;
using Abi.Database.Tests.Storage;

namespace Abi.Database.Tests.Indexes;

/// <summary>A graph that is saved while deleted records are still in it leads to all that is left when it is opened.</summary>
[Parallelizable]
public sealed class SavedGraphTests : WordsFixture
{
    private const int Others = 12_000; // fewer are scanned
    private const int FirstCopy = 100_000;

    /// <summary>The first of some copies of a vector, over which the ways to the others lead, is deleted.</summary>
    [TestCase(3)]
    [TestCase(20)]
    public async Task WhatADeletedRecordLedToIsFound(int copies)
    {
        using var folder = new TemporaryFolder();
        var copy = Vector(Others);
        var database = await VectorDatabase.OpenAsync(folder["w"]);
        try
        {
            var words = database.GetDynamicCollection("w", new CollectionDefinition { Key = KeyKind.Integer, Vectors = [new VectorField("v", 100) { IndexKind = IndexKind.Hnsw }] });
            await words.EnsureCollectionExistsAsync();
            foreach (var chunk in Enumerable.Range(0, Others).Select(i => Record(i, Vector(i))).Concat(Enumerable.Range(0, copies).Select(i => Record(FirstCopy + i, copy))).Chunk(100))
            {
                await words.UpsertAsync(chunk);
            }

            await database.WaitForIndexAsync();
            await words.DeleteAsync([(object)(long)FirstCopy]);
            await database.CheckpointAsync();
            await database.DisposeAsync();
            database = await VectorDatabase.OpenAsync(folder["w"]);
            words = database.GetDynamicCollection("w");
            await database.WaitForIndexAsync();
            Assert.That(database.Recovery.Warnings, Is.Empty);
            Assert.That(words.SearchKeys(copy, 10).Count(match => (long)match.Key >= FirstCopy), Is.EqualTo(Math.Min(10, copies - 1)));
        }
        finally
        {
            await database.DisposeAsync();
        }
    }

    /// <summary>What is linked while a checkpoint waits for its turn at the graph is known to it.</summary>
    [Test]
    public async Task WhatIsLinkedBeforeIsCounted()
    {
        using var database = new VectorDatabase(new DatabaseEngine(new MemoryStorage(), History.Options()));
        var words = database.GetDynamicCollection("w", new CollectionDefinition { Key = KeyKind.Integer, Vectors = [new VectorField("v", 100) { IndexKind = IndexKind.Hnsw, Connections = 4, ConstructionEffort = 16 }] });
        await words.EnsureCollectionExistsAsync();
        await words.UpsertAsync(Enumerable.Range(0, Others).Select(i => Record(i, Vector(i))));
        await database.WaitForIndexAsync();
        await words.DeleteAsync(Enumerable.Range(0, 200).Select(i => (object)(long)i));
        var index = database.Engine.Find("w")!.Store.Vectors[0];
        Exception? failure = null;
        var checkpoint = new Thread(() =>
        {
            try
            {
                database.Engine.Checkpoint();
            }
            catch (Exception error)
            {
                failure = error;
            }
        });
        index.WithStillGraph(() =>
        {
            checkpoint.Start();
            Assert.That(SpinWait.SpinUntil(() => checkpoint.ThreadState.HasFlag(System.Threading.ThreadState.WaitSleepJoin), TimeSpan.FromSeconds(10)));
            for (var next = Others; next < 2 * Others; next += 1000) // beyond what one piece of a column holds
            {
                words.UpsertAsync(Enumerable.Range(next, 1000).Select(i => Record(i, Vector(i)))).GetAwaiter().GetResult();
            }

            while (index.LinkSome(_ => false, 1, new WriteAdmission(1)))
            {
            }
        });
        checkpoint.Join();
        Assert.That(failure, Is.Null);
    }

    private static Dictionary<string, object?> Record(long key, float[] vector) => new(StringComparer.Ordinal) { ["Key"] = key, ["v"] = vector };

    private float[] Vector(int row) => Base.AsSpan(row * 100, 100).ToArray();
}
