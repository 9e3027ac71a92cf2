using Abi.Database.Engine;
using Abi.Database.Tests.Storage;

namespace Abi.Database.Tests.Engine;

/// <summary>Promises 3 and 4: damaged bytes give the state of an earlier commit or a typed exception, never a wrong answer.</summary>
[Parallelizable]
public sealed class DamageTests
{
    [TestCase(false)]
    [TestCase(true)]
    public Task OneBitAnywhere(bool isEncrypted) => FlipAsync(600, isEncrypted);

    [TestCase(false)]
    [TestCase(true)]
    [Explicit("long: 10,000 places")]
    public Task OneBitInTenThousandPlaces(bool isEncrypted) => FlipAsync(10_000, isEncrypted);

    [Test]
    public async Task ADamagedMiddleOfTheLogIsRefusedAndCanBeSalvaged()
    {
        var history = await History.RunAsync(20, seed: 9);
        var files = history.Storage.Files();
        var log = files.Keys.First(name => name.StartsWith("log-", StringComparison.Ordinal));
        files[log][1200] ^= 4;
        var error = Assert.Throws<DatabaseCorruptException>(() => new DatabaseEngine(MemoryStorage.Of(files), History.Options()).Dispose());
        Assert.That(error!.Message, Does.Contain("Salvage").And.Contain(log));
        Assert.That(error.Offset, Is.InRange(512, 1200));

        var disk = MemoryStorage.Of(files);
        string state;
        using (var database = new VectorDatabase(new DatabaseEngine(disk, History.Options(recovery: RecoveryMode.Salvage))))
        {
            Assert.That(database.Recovery.CutReason, Is.Not.Null);
            state = await History.StateOfAsync(database);
            Assert.That(history.States, Does.Contain(state));
        }

        using var again = new VectorDatabase(new DatabaseEngine(disk, History.Options()));
        Assert.That(await History.StateOfAsync(again), Is.EqualTo(state));
    }

    [Test]
    public async Task ADamagedGraphIsBuiltAnewAndADamagedCollectionStopsNoOther()
    {
        var disk = new MemoryStorage();
        var options = History.Options();
        await using (var database = new VectorDatabase(new DatabaseEngine(disk, options)))
        {
            for (var i = 0; i < 3; i++)
            {
                var collection = database.GetDynamicCollection($"c{i}", new CollectionDefinition { Key = KeyKind.Integer, Vectors = [new VectorField("v", 8) { IndexKind = IndexKind.Hnsw }] });
                await collection.EnsureCollectionExistsAsync();
                var random = new Random(i);
                await collection.UpsertAsync(Enumerable.Range(0, 500).Select(key => new Dictionary<string, object?> { ["Key"] = key, ["v"] = Vector(random) }));
            }

            await database.WaitForIndexAsync();
            await database.CheckpointAsync();
        }

        var files = disk.Files();
        var graph = files.Keys.Single(name => name.StartsWith("graph-000002", StringComparison.Ordinal));
        var rows = files.Keys.Single(name => name.StartsWith("rows-000003", StringComparison.Ordinal));
        files[graph][9000] ^= 1;
        files[rows][20_000] ^= 1;
        await using var opened = new VectorDatabase(new DatabaseEngine(MemoryStorage.Of(files), options));
        Assert.That(opened.Recovery.Warnings, Has.Length.EqualTo(2));
        var query = Vector(new Random(77));
        var (good, mended, broken) = (opened.GetDynamicCollection("c0"), opened.GetDynamicCollection("c1"), opened.GetDynamicCollection("c2"));
        Assert.That(good.SearchKeys(query, 5), Has.Count.EqualTo(5));
        Assert.That(mended.SearchKeys(query, 5), Is.EqualTo(mended.SearchKeys(query, 5, new VectorSearchOptions { IsExact = true })));
        Assert.That(mended.GetStatistics().Vectors[0].IndexKind, Is.EqualTo(IndexKind.Hnsw));
        var error = Assert.Throws<DatabaseCorruptException>(() => broken.SearchKeys(query, 5));
        Assert.That(error!.Message, Does.Contain("c2").And.Contain(rows).And.Contain("Page"));
        await opened.WaitForIndexAsync();
        Assert.That(mended.GetStatistics().Vectors[0] with { ResidentBytes = 0 }, Is.EqualTo(new VectorStatistics("v", IndexKind.Hnsw, 500, 0)));

        // A checkpoint keeps what the damaged one needs.
        await good.DeleteAsync(1);
        await opened.CheckpointAsync();
        Assert.That(await good.CountAsync(), Is.EqualTo(499));
    }

    private static float[] Vector(Random random) => [.. Enumerable.Range(0, 8).Select(_ => random.NextSingle() - 0.5f)];

    private static async Task FlipAsync(int places, bool isEncrypted)
    {
        using var key = isEncrypted ? EncryptionKey.FromBytes(new byte[32]) : null;
        var history = await History.RunAsync(24, seed: 5, checkpointsAfter: [15], encryption: key);
        var files = history.Storage.Files();
        var total = files.Sum(file => file.Value.Length);
        var random = new Random(20261126);
        var (refused, right) = (0, 0);
        for (var i = 0; i < places; i++)
        {
            // Half of the places in files that are smaller than the others.
            var name = files.Keys.ElementAt(random.Next(files.Count));
            var damaged = new Dictionary<string, byte[]>(files, StringComparer.Ordinal) { [name] = [.. files[name]] };
            var (at, bit) = (random.Next(files[name].Length), random.Next(8));
            damaged[name][at] ^= (byte)(1 << bit);
            try
            {
                using var database = new VectorDatabase(new DatabaseEngine(MemoryStorage.Of(damaged), History.Options(key: key)));
                var state = await History.StateOfAsync(database);
                Assert.That(history.States, Does.Contain(state), $"bit {bit} of byte {at} of {name}");
                right++;
            }
            catch (AbiException)
            {
                refused++;
            }
        }

        await TestContext.Out.WriteLineAsync($"{places} flips in {total} bytes: {right} right, {refused} refused");
        Assert.That(right, Is.GreaterThan(0));
        Assert.That(refused, Is.GreaterThan(0));
    }
}
