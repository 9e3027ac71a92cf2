using Abi.Database.Encryption;
using Abi.Database.Engine;
using Abi.Database.Rows;
using Abi.Database.Tests.Storage;

namespace Abi.Database.Tests.Rows;

/// <summary>Slots of records that were replaced are taken out of the graph by the work in the background, and used again.</summary>
[Parallelizable]
public sealed class CollectionStoreTests
{
    [Test]
    public async Task SlotsOfReplacedRecordsAreUsedAgain()
    {
        const int Records = 2000, Rounds = 20, Replaced = 100;
        using var folder = new TemporaryFolder();
        await using var database = await VectorDatabase.OpenAsync(new DatabaseOptions { Path = folder["db"], Durability = Durability.Os });
        var collection = database.GetDynamicCollection("c", new CollectionDefinition { Key = KeyKind.Integer, Vectors = [new VectorField("v", 16) { IndexKind = IndexKind.Hnsw }] });
        await collection.EnsureCollectionExistsAsync();
        var random = new Random(3);
        var vectors = new float[Records][];
        async Task Write(int key)
        {
            vectors[key] = [.. Enumerable.Range(0, 16).Select(_ => random.NextSingle() - 0.5f)];
            await collection.UpsertAsync(new Dictionary<string, object?> { ["Key"] = (long)key, ["v"] = vectors[key] });
        }

        for (var key = 0; key < Records; key++)
        {
            await Write(key);
        }

        await database.WaitForIndexAsync();
        for (var round = 0; round < Rounds; round++)
        {
            for (var i = 0; i < Replaced; i++)
            {
                await Write(random.Next(Records));
            }

            await database.WaitForIndexAsync();
        }

        // A twentieth of the slots may be deleted before they are taken out, and a round comes on top, and one more before they are given back.
        Assert.That(database.Engine.Find("c")!.Store.View.Slots, Is.LessThanOrEqualTo(Records + (Records / 20) + (2 * Replaced)));
        Assert.That(Enumerable.Range(0, Records).Count(key => (long)collection.SearchKeys(vectors[key], 1)[0].Key == key), Is.GreaterThan(Records * 0.99));
    }

    /// <summary>Also when nothing is added that their slots are wanted for.</summary>
    /// <param name="records">How many are deleted.</param>
    /// <param name="batch">How many at a time.</param>
    /// <param name="isRead">Whether a reader holds what was there after the first batch until all are deleted.</param>
    [TestCase(2800, 50, false)]
    [TestCase(2800, 50, true)]
    [TestCase(300, 300, false)]
    public async Task DeletedRecordsLeaveTheGraphHoweverManyTheyAre(int records, int batch, bool isRead)
    {
        const int Records = 3000;
        using var database = new VectorDatabase(new DatabaseEngine(new MemoryStorage(), new DatabaseOptions { Durability = Durability.Os }));
        var collection = database.GetDynamicCollection("c", new CollectionDefinition { Key = KeyKind.Integer, Vectors = [new VectorField("v", 8) { IndexKind = IndexKind.Hnsw }] });
        await collection.EnsureCollectionExistsAsync();
        var random = new Random(5);
        await collection.UpsertAsync(Enumerable.Range(0, Records).Select(Record));
        await database.WaitForIndexAsync();
        var store = database.Engine.Find("c")!.Store;
        int? place = null;
        for (var key = 0; key < records; key += batch)
        {
            await collection.DeleteAsync(Enumerable.Range(key, batch).Select(key => (object)(long)key));
            await database.WaitForIndexAsync();
            if (isRead)
            {
                place ??= store.BeginRead().Place;
            }
        }

        if (place is { } held)
        {
            Assert.That(store.Vectors[0].Graph!.Count, Is.EqualTo(Records), "the reader sees them");
            store.EndRead(held);
            await collection.UpsertAsync(Record(Records - 1));
            await database.WaitForIndexAsync();
        }

        // A twentieth of the slots may be deleted before they are taken out.
        Assert.That(store.Vectors[0].Graph!.Count, Is.InRange(Records - records, Records - records + (batch == records ? 0 : (Records / 20) + batch)));

        Dictionary<string, object?> Record(int key) => new() { ["Key"] = (long)key, ["v"] = new[] { random.NextSingle(), 1, 2, 3, 4, 5, 6, 7 } };
    }

    /// <summary>Nobody waits for all of what was deleted at once to be let go of: each who needs a slot does a part of it, and what comes later finds the others.</summary>
    [Test]
    public async Task DeletedRecordsAreLetGoOfByAndBy()
    {
        const int Records = 5000;
        using var database = new VectorDatabase(new DatabaseEngine(new MemoryStorage(), new DatabaseOptions { Durability = Durability.Os }));
        var collection = database.GetDynamicCollection("c", new CollectionDefinition { Key = KeyKind.Integer, Data = [new DataField("text", DataKind.Text) { IsFullTextIndexed = true }] });
        await collection.EnsureCollectionExistsAsync();
        await collection.UpsertAsync(Enumerable.Range(0, Records).Select(Record));
        await collection.DeleteAsync(Enumerable.Range(0, Records).Select(key => (object)(long)key));
        var store = database.Engine.Find("c")!.Store;
        var words = store.TextIndexes.Single();
        Assert.That(words.Words, Is.EqualTo(Records));
        await collection.UpsertAsync(Record(0));
        Assert.That(words.Words, Is.InRange(Records * 3 / 4, Records - 1000));
        await collection.UpsertAsync(Enumerable.Range(1, Records - 1).Select(Record));
        Assert.That((words.Words, store.View.Slots), Is.EqualTo((Records, Records)));
        for (var key = 0; key < Records; key++)
        {
            Assert.That((await collection.GetAsync((long)key))!["text"], Is.EqualTo($"word{key}"));
        }

        static Dictionary<string, object?> Record(int key) => new(StringComparer.Ordinal) { ["Key"] = (long)key, ["text"] = $"word{key}" };
    }

    /// <summary>Who goes through all slots while records are added finds room behind none that it is told of: a checkpoint that writes the graph, or the work in the background.</summary>
    [Test]
    public async Task SlotsAreThereBeforeTheyAreCounted()
    {
        const int Batch = 1024, Batches = 8 * SlotArray<int>.ChunkSlots / Batch;
        using var database = new VectorDatabase(new DatabaseEngine(new MemoryStorage(), new DatabaseOptions { Durability = Durability.Os }));
        var collection = database.GetDynamicCollection("c", new CollectionDefinition
        {
            Key = KeyKind.Integer,
            Data = [.. Enumerable.Range(0, 16).Select(i => new DataField($"f{i}", DataKind.Integer) { IsIndexed = true })], // which take their time to make room
            Vectors = [new VectorField("v", 1) { IndexKind = IndexKind.Hnsw }],
        });
        await collection.EnsureCollectionExistsAsync();
        await collection.UpsertAsync(Record(0));
        var store = database.Engine.Find("c")!.Store;
        var index = store.Vectors[0];
        var isOver = false;
        var checkpoints = Task.Factory.StartNew(
            () => index.WithStillGraph(() => // all of the time, so that nothing is linked meanwhile, which takes long
            {
                while (!Volatile.Read(ref isOver))
                {
                    store.SaveGraph(new MemoryStorage(), "graph", 0, [], new WriteAdmission(1));
                }
            }),
            CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
        for (var i = 0; i < Batches && !checkpoints.IsCompleted; i++)
        {
            await collection.UpsertAsync(Enumerable.Range(i * Batch, Batch).Select(Record));
        }

        Volatile.Write(ref isOver, true);
        await checkpoints;

        static Dictionary<string, object?> Record(int key) => new(StringComparer.Ordinal) { ["Key"] = (long)key, ["v"] = new[] { 1 + (float)key } };
    }

    /// <summary>Nothing can be written to a place in an encrypted file that is read page by page. A checkpoint after which many such places are outdated brings what replaced them there.</summary>
    [TestCase(IndexKind.Flat, false)]
    [TestCase(IndexKind.Hnsw, true)]
    public async Task PlacesThatArePagedAreUsedAgainAfterACheckpoint(IndexKind kind, bool isQuantized)
    {
        const int Records = NativeColumn.ChunkSlots + 500, Few = 100, Many = 2000;
        using var key = EncryptionKey.FromBytes(new byte[32]);
        var disk = new MemoryStorage();
        var options = new DatabaseOptions { Path = disk.Folder, EncryptionKey = key, Durability = Durability.Os, CheckpointBytes = long.MaxValue };
        using (var database = new VectorDatabase(new DatabaseEngine(disk, options)))
        {
            var made = database.GetDynamicCollection("c", new CollectionDefinition { Key = KeyKind.Integer, Vectors = [new VectorField("v", 2) { IndexKind = kind, IsQuantized = isQuantized, Connections = 4, ConstructionEffort = 8 }] });
            await made.EnsureCollectionExistsAsync();
            await made.UpsertAsync(Enumerable.Range(0, Records).Select(row => Record(row, 0)));
            await database.WaitForIndexAsync();
            await database.CheckpointAsync();
        }

        options.DecryptedBytes = 128 * PageFrame.Bytes;
        using var again = new VectorDatabase(new DatabaseEngine(disk, options));
        var collection = again.GetDynamicCollection("c");
        var opened = again.Engine.Find("c")!.Store;
        Assert.That(opened.Vectors[0].Rows.PagedSlots, Is.EqualTo(NativeColumn.ChunkSlots));
        await ReplaceAsync(Few, 1);
        Assert.That(again.Engine.Find("c")!.Store, Is.SameAs(opened), "few are not worth reading all");
        for (var round = 2; round < 4; round++)
        {
            await ReplaceAsync(Many, round);
            var store = again.Engine.Find("c")!.Store;
            Assert.That((store.View.Slots, store.Vectors[0].Rows.PagedSlots), Is.EqualTo((Records, NativeColumn.ChunkSlots)));
            foreach (var row in (int[])[0, Many - 1, Many, Records - 1])
            {
                var vector = (float[])Record(row, row < Many ? round : 0)["v"]!;
                Assert.That(((ReadOnlyMemory<float>)(await collection.GetAsync((long)row, includeVectors: true))!["v"]!).ToArray(), Is.EqualTo(vector), $"row {row}");
            }
        }

        async Task ReplaceAsync(int count, int round)
        {
            await collection.UpsertAsync(Enumerable.Range(0, count).Select(row => Record(row, round)));
            await again.WaitForIndexAsync();
            await again.CheckpointAsync();
        }

        static Dictionary<string, object?> Record(int row, int round) => new(StringComparer.Ordinal) { ["Key"] = (long)row, ["v"] = new[] { MathF.Sin(row), MathF.Cos(row) + round } };
    }
}
