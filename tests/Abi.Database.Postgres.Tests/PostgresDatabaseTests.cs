using Abi.Database.Postgres.Tests.Contract;
using Microsoft.Extensions.DependencyInjection;
using Npgsql;

namespace Abi.Database.Postgres.Tests;

/// <summary>What is of PostgreSQL alone.</summary>
public sealed class PostgresDatabaseTests
{
    private static readonly float[] Up = [1, 0];

    [Test]
    public void AServerThatIsNotThereIsSaidToBe()
    {
        using var database = PostgresDatabase.Open("Host=127.0.0.1;Port=1;Username=nobody;Database=none;Timeout=5");
        Assert.That(async () => await database.GetDynamicCollection("c").CountAsync(), Throws.TypeOf<DatabaseException>().With.Message.Contains("none at 127.0.0.1").And.Message.Contains("cannot be reached"));
        Assert.That(() => PostgresDatabase.Open(" "), Throws.ArgumentException);
        Assert.That(() => PostgresDatabase.Open(new PostgresOptions { ConnectionString = "Host=x", Effort = 1_001 }), Throws.InstanceOf<ArgumentException>());
    }

    [Test]
    public async Task ADatabaseWithoutTheExtensionSaysWhatToRun()
    {
        var connection = await PostgresServer.ConnectionAsync();
        var name = $"abi_without_{Guid.NewGuid():n}";
        await using var source = NpgsqlDataSource.Create(connection);
        await ExecuteAsync(source, $"CREATE DATABASE {name} TEMPLATE template0");
        try
        {
            await using var database = PostgresDatabase.Open(new NpgsqlConnectionStringBuilder(connection) { Database = name, Pooling = false }.ConnectionString);
            var vectors = database.GetDynamicCollection("v", new CollectionDefinition { Vectors = [new VectorField("v", 2)] });
            Assert.That(async () => await vectors.EnsureCollectionExistsAsync(), Throws.TypeOf<DatabaseException>().With.Message.Contains("CREATE EXTENSION vector").And.Message.Contains(name));
            Assert.That(async () => await database.CheckAsync(), Throws.TypeOf<DatabaseException>().With.Message.Contains("CREATE EXTENSION vector"));
            var texts = database.GetDynamicCollection("t", new CollectionDefinition { Data = [new DataField("text", DataKind.Text) { IsFullTextIndexed = true }] });
            await texts.EnsureCollectionExistsAsync();
            await texts.UpsertAsync(new Dictionary<string, object?> { ["Key"] = "a", ["text"] = "no vectors, no extension" });
            Assert.That(await texts.SearchTextAsync("extension", 1).ToListAsync(), Has.Count.EqualTo(1));
        }
        finally
        {
            await ExecuteAsync(source, $"DROP DATABASE {name}");
        }
    }

    [Test]
    public async Task WhatPostgresCannotHaveIsRefusedByName()
    {
        await using var store = await Stores.PostgresAsync();
        foreach (var (field, words) in new (VectorField, string)[]
        {
            (new VectorField("v", 16_001), "16,000"), (new VectorField("v", 2_001) { IndexKind = IndexKind.Hnsw }, "2,000"), (new VectorField("v", 4_001) { IndexKind = IndexKind.Hnsw, Element = VectorElement.Float16 }, "4,000"),
            (new VectorField("v", 2) { IndexKind = IndexKind.IvfPq }, "IvfPq"), (new VectorField("v", 2) { IsQuantized = true }, "quantized"), (new VectorField("v", 2) { Connections = 101 }, "Connections"),
            (new VectorField("v", 2) { ConstructionEffort = 1_001 }, "ConstructionEffort"), (new VectorField("abi_v", 2), "abi_"), (new VectorField(new string('v', 64), 2), "63 bytes"),
        })
        {
            var refused = store.Database.GetDynamicCollection("c", new CollectionDefinition { Vectors = [field] });
            Assert.That(async () => await refused.EnsureCollectionExistsAsync(), Throws.TypeOf<DatabaseException>().With.Message.Contains(words), $"{field}");
        }

        foreach (var name in new[] { "abi_collections", new string('é', 32), "a\0b" })
        {
            Assert.That(async () => await store.Database.GetDynamicCollection(name, new CollectionDefinition()).EnsureCollectionExistsAsync(), Throws.TypeOf<DatabaseException>(), name);
        }

        // What has too many elements for a graph, and need not have one, is searched exactly.
        var long3 = store.Database.GetDynamicCollection("long", new CollectionDefinition { Data = [new DataField("text", DataKind.Text) { IsFullTextIndexed = true, IsIndexed = true }], Vectors = [new VectorField("v", 2_001) { Connections = 64, ConstructionEffort = 100 }] });
        await long3.EnsureCollectionExistsAsync();
        var wide = new float[2_001];
        wide[2_000] = 1;
        await long3.UpsertAsync(new Dictionary<string, object?> { ["Key"] = "a", ["v"] = wide, ["text"] = "a" });
        Assert.That((await long3.SearchAsync(wide, 1).ToListAsync())[0].Score, Is.EqualTo(1).Within(1e-6));
        Assert.That(async () => await long3.SearchAsync(wide, 1, new VectorSearchOptions { Recall = 0.9 }).ToListAsync(), Throws.TypeOf<DatabaseException>().With.Message.Contains("Recall"));
        Assert.That(async () => await long3.SearchAsync(wide, 1, new VectorSearchOptions { Effort = 1_001 }).ToListAsync(), Throws.TypeOf<DatabaseException>().With.Message.Contains("1,000"));
        Assert.That(async () => await long3.SearchTextAsync("a", 1, new TextSearchOptions { Scoring = new TextScoring { K1 = 2 } }).ToListAsync(), Throws.TypeOf<DatabaseException>().With.Message.Contains("ts_rank_cd"));
        Assert.That(async () => await long3.UpsertAsync([new() { ["Key"] = "b" }, new() { ["Key"] = "c", ["text"] = "a\0b" }]), Throws.ArgumentException.With.Message.Contains("U+0000"));
        Assert.That(async () => await long3.GetAsync("a\0b"), Throws.ArgumentException.With.Message.Contains("U+0000"));
        var random = new Random(1);
        var unruly = new string([.. Enumerable.Range(0, 20_000).Select(_ => (char)random.Next('0', 'z'))]);
        Assert.That(async () => await long3.UpsertAsync([new() { ["Key"] = "b" }, new() { ["Key"] = unruly }]), Throws.TypeOf<DatabaseException>().With.Message.Contains("2,700 bytes"));
        Assert.That(await long3.CountAsync(), Is.EqualTo(1));
    }

    [Test]
    public async Task ASearchThatTheGraphCutsShortComparesAll()
    {
        // The graph is always walked, and gives up after a few rows.
        await using var store = await Stores.PostgresAsync(settings: ";Options=-c enable_seqscan=off -c enable_bitmapscan=off -c hnsw.max_scan_tuples=50 -c hnsw.scan_mem_multiplier=1");
        var collection = store.Database.GetDynamicCollection("c", new CollectionDefinition
        {
            Key = KeyKind.Integer,
            Data = [new DataField("n", DataKind.Integer) { IsIndexed = true }],
            Vectors = [new VectorField("v", 2) { DistanceFunction = DistanceFunction.EuclideanSquaredDistance }],
        });
        await collection.EnsureCollectionExistsAsync();
        await collection.UpsertAsync(Enumerable.Range(0, 3_000).Select(i => new Dictionary<string, object?> { ["Key"] = i, ["n"] = i, ["v"] = new float[] { i, 0 } }));
        await store.SqlAsync("DROP INDEX {0}.\"c_n_idx\""); // so that nothing but the graph is there to walk
        await store.SqlAsync("ANALYZE {0}.\"c\"");
        var walked = await store.SqlAsync("SELECT count(*) FROM (SELECT set_config('hnsw.ef_search', '10', false), set_config('hnsw.iterative_scan', 'strict_order', false)) AS s, LATERAL (SELECT 1 FROM {0}.\"c\" WHERE \"n\" >= 2990 ORDER BY \"v\" <-> '[0,0]' LIMIT 8) AS t");
        Assert.That(walked, Is.LessThan(8), "the graph by itself is cut short");
        var found = await collection.SearchAsync(new float[] { 0, 0 }, 8, new VectorSearchOptions { Filter = Filter.GreaterThanOrEqual("n", 2_990), Effort = 10 }).ToListAsync();
        Assert.That(found.Select(result => result.Record["Key"]), Is.EqualTo(Enumerable.Range(2_990, 8)));
    }

    [Test]
    public async Task RecordsOutliveTheirTimeNot()
    {
        await using var store = await Stores.PostgresAsync();
        var collection = store.Database.GetDynamicCollection("c", new CollectionDefinition { TimeToLive = TimeSpan.FromHours(1), Data = [new DataField("t", DataKind.Text) { IsFullTextIndexed = true }], Vectors = [new VectorField("v", 2)] });
        await collection.EnsureCollectionExistsAsync();
        await collection.UpsertAsync(Of("old", "older", "new"));
        await store.SqlAsync("UPDATE {0}.\"c\" SET abi_expires = abi_expires - interval '61 minutes' WHERE \"Key\" = 'older'");
        await store.SqlAsync("UPDATE {0}.\"c\" SET abi_expires = abi_expires - interval '59 minutes' WHERE \"Key\" = 'old'");
        Assert.That(await collection.GetAsync("older"), Is.Null);
        Assert.That(await collection.GetAsync("old"), Is.Not.Null);
        Assert.That(await collection.GetAsync(["older", "old"]).Select(record => record["Key"]).ToListAsync(), Is.EqualTo(new[] { "old" }));
        Assert.That(await collection.CountAsync(), Is.EqualTo(2));
        Assert.That(await collection.ListAsync().Select(record => record["Key"]).ToListAsync(), Is.EquivalentTo(new[] { "old", "new" }));
        Assert.That(await collection.SearchAsync(Up, 5).Select(result => result.Record["Key"]).ToListAsync(), Is.EquivalentTo(new[] { "old", "new" }));
        Assert.That(await collection.SearchTextAsync("word", 5).Select(result => result.Record["Key"]).ToListAsync(), Is.EquivalentTo(new[] { "old", "new" }));
        Assert.That(await store.Database.DeleteExpiredAsync(), Is.EqualTo(1));
        Assert.That(await store.Database.DeleteExpiredAsync(), Is.Zero);
        await store.SqlAsync("UPDATE {0}.\"c\" SET abi_expires = now() - interval '1 minute'");
        await collection.UpsertAsync(Of("new"));
        Assert.That(await store.SqlAsync("SELECT count(*) FROM {0}.\"c\""), Is.EqualTo(1), "a write takes away what has expired, and gives its own a new time");
        Assert.That(await collection.CountAsync(), Is.EqualTo(1));

        static IEnumerable<Dictionary<string, object?>> Of(params string[] keys) => keys.Select(key => new Dictionary<string, object?> { ["Key"] = key, ["t"] = "word", ["v"] = Up });
    }

    [Test]
    public async Task AnotherProcessMayMakeACollectionAnew()
    {
        await using var store = await Stores.PostgresAsync();
        var first = store.Database.GetDynamicCollection("c", new CollectionDefinition { Data = [new DataField("a", DataKind.Integer)] });
        await first.EnsureCollectionExistsAsync();
        await first.UpsertAsync(new Dictionary<string, object?> { ["Key"] = "k", ["a"] = 1 });
        await store.SqlAsync("ALTER TABLE {0}.\"c\" RENAME COLUMN \"a\" TO \"b\"; UPDATE {0}.abi_collections SET definition = jsonb_set(definition, '{Data,0,Name}', '\"b\"')");
        Assert.That(async () => await first.GetAsync("k"), Throws.TypeOf<DatabaseException>().With.Message.Contains("definition"));
        Assert.That((await first.GetAsync("k"))!["b"], Is.EqualTo(1));
        await store.SqlAsync("DROP TABLE {0}.\"c\"; DELETE FROM {0}.abi_collections");
        Assert.That(async () => await first.GetAsync("k"), Throws.TypeOf<DatabaseException>().With.Message.Contains("EnsureCollectionExists"));
        await first.EnsureCollectionExistsAsync();
        Assert.That(await first.CountAsync(), Is.Zero);
        await store.SqlAsync("UPDATE {0}.abi_collections SET definition = '{\"Data\": 5}'");
        Assert.That(async () => await first.EnsureCollectionExistsAsync(), Throws.TypeOf<DatabaseException>().With.Message.Contains("cannot be read"));
        await first.EnsureCollectionDeletedAsync();
        await store.SqlAsync("CREATE TABLE {0}.\"taken\" (x int)");
        Assert.That(async () => await store.Database.GetDynamicCollection("taken", new CollectionDefinition()).EnsureCollectionExistsAsync(), Throws.TypeOf<DatabaseException>().With.Message.Contains("no collection has the name"));
        Assert.That(await store.Database.ListCollectionNamesAsync().ToListAsync(), Is.Empty);
    }

    /// <summary>One that knew it as it was before fails once and knows it from then on, whatever differs.</summary>
    [Test]
    public async Task ACollectionThatWasMadeAnewIsKnownAgain([Values("dimensions", "words", "life")] string what)
    {
        await using var store = await Stores.PostgresAsync();
        await using var other = store.Another();
        var before = new CollectionDefinition { Data = [new DataField("t", DataKind.Text)], Vectors = [new VectorField("v", 2)] };
        var after = what switch
        {
            "dimensions" => before with { Vectors = [new VectorField("v", 3)] },
            "words" => before with { Data = [new DataField("t", DataKind.Text) { IsFullTextIndexed = true }] },
            _ => before with { TimeToLive = TimeSpan.FromDays(1) },
        };
        var mine = store.Database.GetDynamicCollection("c", before);
        await mine.EnsureCollectionExistsAsync();
        await mine.UpsertAsync(Record(2));
        await other.EnsureCollectionDeletedAsync("c");
        await other.GetDynamicCollection("c", after).EnsureCollectionExistsAsync();
        var dimensions = after.Vectors[0].Dimensions;
        Assert.That(async () => await mine.UpsertAsync(Record(2)), Throws.TypeOf<DatabaseException>().With.Message.Contains("definition"));
        await mine.UpsertAsync(Record(dimensions));
        Assert.That(await mine.SearchAsync(new float[dimensions].Select(_ => 1f).ToArray(), 1).ToListAsync(), Has.Count.EqualTo(1));

        static Dictionary<string, object?> Record(int dimensions) => new() { ["Key"] = "k", ["t"] = "word", ["v"] = Enumerable.Repeat(1f, dimensions).ToArray() };
    }

    [Test]
    public async Task TheFeatureConnectsAndDisconnects()
    {
        var connection = await PostgresServer.ConnectionAsync();
        await using (var abi = await AbiBuilder.Create().AddPostgres(postgres => (postgres.ConnectionString, postgres.Schema) = (connection, "abi_never_made")).BuildAsync())
        {
            Assert.That(await abi.Postgres.GetDynamicCollection("nothing").CollectionExistsAsync(), Is.False);
            Assert.That((await abi.HealthAsync()).Values, Has.Some.Property("Status").EqualTo(FeatureHealthStatus.Healthy));
            var store = abi.Postgres.Store;
            await abi.StopAsync();
            Assert.That(async () => await store.CollectionExistsAsync("nothing"), Throws.InstanceOf<ObjectDisposedException>());
            await abi.StartAsync();
            Assert.That(abi.Postgres.Store, Is.SameAs(store));
            Assert.That(await store.CollectionExistsAsync("nothing"), Is.False);
        }

        await using var source = NpgsqlDataSource.Create(connection);
        await using var database = PostgresDatabase.Open(source);
        await database.CheckAsync();
        Assert.That(async () => await AbiBuilder.Create().AddPostgres().BuildAsync(), Throws.InstanceOf<AbiException>().With.Message.Contains("ABI_POSTGRES_CONNECTION_STRING"));
    }

    [Test]
    public void TheDatabaseIsInjected()
    {
        IVectorDatabase database;
        using (var services = new ServiceCollection().AddAbi(abi => abi.AddPostgres(postgres => postgres.ConnectionString = "Host=127.0.0.1;Port=1;Username=nobody;Database=none;Timeout=5")).BuildServiceProvider())
        {
            database = services.GetRequiredService<IVectorDatabase>();
            Assert.That(services.GetRequiredService<PostgresDatabase>(), Is.SameAs(database).And.SameAs(services.GetRequiredService<PostgresFeature>().Store));
            Assert.That(async () => await services.GetRequiredService<AbiFramework>().StartAsync(), Throws.TypeOf<DatabaseException>().With.Message.Contains("cannot be reached"));
        }

        Assert.That(async () => await database.CollectionExistsAsync("c"), Throws.InstanceOf<ObjectDisposedException>());
    }

    [Test]
    public async Task ReadsThatAreLeftEarlyLeaveConnectionsThatWork()
    {
        await using var store = await Stores.PostgresAsync(settings: ";Maximum Pool Size=1");
        var collection = store.Database.GetDynamicCollection("c", new CollectionDefinition { Key = KeyKind.Integer, Data = [new DataField("text", DataKind.Text)] });
        await collection.EnsureCollectionExistsAsync();
        await collection.UpsertAsync(Enumerable.Range(0, 20_000).Select(i => new Dictionary<string, object?> { ["Key"] = i, ["text"] = new string('x', 200) }));
        for (var round = 0; round < 20; round++)
        {
            await foreach (var record in collection.ListAsync())
            {
                Assert.That(record["text"], Has.Length.EqualTo(200));
                break;
            }

            Assert.That(await collection.CountAsync(), Is.EqualTo(20_000));
        }
    }

    private static async Task ExecuteAsync(NpgsqlDataSource source, string statement)
    {
        await using var command = source.CreateCommand(statement);
        await command.ExecuteNonQueryAsync();
    }
}
