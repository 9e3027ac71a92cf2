using System.Collections.Immutable;
#pragma warning disable MA0048 // record types of the tests
namespace Abi.Database.Tests.Records;

/// <summary>Records of classes, and promise 13: every kind of value gives a defined result or a typed error.</summary>
public sealed class RecordTests
{
    public enum Mood
    {
        Calm,
        Merry,
    }

    [Test]
    public async Task AClassComesBackAsItWentInAndFiltersAreWrittenInCSharp()
    {
        using var folder = new TemporaryFolder();
        var id = Guid.NewGuid();
        await using (var database = await VectorDatabase.OpenAsync(folder["db"]))
        {
            var notes = database.GetCollection<Guid, Note>("notes");
            await notes.EnsureCollectionExistsAsync();
            await notes.UpsertAsync(new Note
            {
                Id = id, Title = "Ein Stück Käse", Body = "long text", Stars = 4, Price = 2.5f, Written = new DateTime(2026, 3, 1, 0, 0, 0, DateTimeKind.Utc), Tags = ["a", "b"], Mood = Mood.Merry, Maybe = null,
                Embedding = new float[] { 1, 0, 0 }, Small = [(Half)1, (Half)0.5], Tiny = new sbyte[] { 1, -128 }, Bits = new byte[] { 0b101 },
            });
            await notes.UpsertAsync(new Note { Id = Guid.NewGuid(), Title = "Other", Embedding = new float[] { 0, 1, 0 }, Maybe = 5 });
        }

        await using (var database = await VectorDatabase.OpenAsync(folder["db"]))
        {
            var notes = database.GetCollection<Guid, Note>("notes");
            var note = (await notes.GetAsync(id))!;
            Assert.That((note.Title, note.Body, note.Stars, note.Price, note.Mood, note.Maybe, note.IsDone), Is.EqualTo(("Ein Stück Käse", "long text", 4, 2.5f, Mood.Merry, (int?)null, false)));
            Assert.That(note.Written, Is.EqualTo(new DateTime(2026, 3, 1, 0, 0, 0, DateTimeKind.Utc)));
            Assert.That(note.Tags, Is.EqualTo(new[] { "a", "b" }));
            Assert.That(note.Embedding.ToArray(), Is.EqualTo(new float[] { 1, 0, 0 }));
            Assert.That(note.Small, Is.EqualTo(new[] { (Half)1, (Half)0.5 }));
            Assert.That(note.Tiny!.Value.ToArray(), Is.EqualTo(new sbyte[] { 1, -128 }));
            Assert.That(note.Bits.ToArray(), Is.EqualTo(new byte[] { 0b101 }));
            Assert.That((await notes.GetAsync(id, includeVectors: false))!.Embedding.IsEmpty);

            var title = "Ein";
            string[] wanted = ["x", "Other"];
            Assert.That(await notes.CountAsync(notes.Where(n => n.Stars > 3 && n.Title!.StartsWith(title))), Is.EqualTo(1));
            Assert.That(await notes.CountAsync(notes.Where(n => n.Tags!.Contains("b"))), Is.EqualTo(1));
            Assert.That(await notes.CountAsync(notes.Where(n => wanted.Contains(n.Title))), Is.EqualTo(1));
            Assert.That(await notes.CountAsync(notes.Where(n => n.Maybe == null || !(3 < n.Stars))), Is.EqualTo(2));
            Assert.That(await notes.CountAsync(notes.Where(n => n.Mood == Mood.Merry)), Is.EqualTo(1));
            Assert.That(await notes.CountAsync(notes.Where(n => !n.IsDone && n.Written < new DateTime(2027, 1, 1, 0, 0, 0, DateTimeKind.Utc))), Is.EqualTo(2));
            Assert.That(() => notes.Where(n => n.Title!.Length > 3), Throws.ArgumentException);
            Assert.That(() => notes.CountAsync(notes.Where(n => n.Id == id)), Throws.ArgumentException.With.Message.Contains("'Id' is the key of the collection 'notes'"));

            List<VectorSearchResult<Note>> found = [];
            await foreach (var result in notes.SearchAsync(new ReadOnlyMemory<float>([1, 0.1f, 0]), 5, new VectorSearchOptions { VectorField = "Embedding" }))
            {
                found.Add(result);
            }

            Assert.That(found.Select(result => result.Record.Title), Is.EqualTo(new[] { "Ein Stück Käse", "Other" }));
            Assert.That(found[0].Score, Is.EqualTo(1 / Math.Sqrt(1.01)).Within(1e-6));
            await foreach (var result in notes.SearchAsync(new byte[] { 0b111 }, 1, new VectorSearchOptions { VectorField = "Bits" }))
            {
                Assert.That(result.Score, Is.EqualTo(1));
            }
        }
    }

    [Test]
    public async Task WhatDoesNotFitIsRefusedAndChangesNothing()
    {
        using var folder = new TemporaryFolder();
        await using var database = await VectorDatabase.OpenAsync(folder["db"]);
        var collection = database.GetDynamicCollection("c", new CollectionDefinition
        {
            Data = [new DataField("n", DataKind.Integer) { IsIndexed = true }, new DataField("free", DataKind.Integer)],
            Vectors = [new VectorField("cos", 2), new VectorField("l2", 2) { DistanceFunction = DistanceFunction.EuclideanSquaredDistance }],
        });
        Assert.That(async () => await collection.CountAsync(), Throws.TypeOf<DatabaseException>().With.Message.Contains("EnsureCollectionExists"));
        await collection.EnsureCollectionExistsAsync();
        Dictionary<string, object?> With(string field, object? value) => new() { ["Key"] = "k", [field] = value };
        foreach (var bad in new[]
        {
            With("cos", new float[] { float.NaN, 1 }), With("cos", new float[] { float.PositiveInfinity, 1 }), With("cos", new float[] { 0, 0 }), With("cos", new float[] { 1 }), With("cos", Array.Empty<float>()),
            With("cos", new float[] { 1, 2, 3 }), With("cos", new sbyte[] { 1, 2 }), With("n", "text"), With("n", 1.5), With("nothing", 1), With("Key", null), With("Key", 5), With("Key", "\ud800"),
        })
        {
            Assert.That(async () => await collection.UpsertAsync([new() { ["Key"] = "good", ["n"] = 1 }, bad]), Throws.InstanceOf<ArgumentException>(), string.Join(' ', bad.Values));
        }

        Assert.That(await collection.CountAsync(), Is.Zero);
        foreach (var key in new[] { "", "ключ", "👍", new string('k', 100_000), "a\0b" })
        {
            await collection.UpsertAsync([new() { ["Key"] = key, ["l2"] = new float[] { 0, 0 } }]);
            Assert.That((await collection.GetAsync(key))!["Key"], Is.EqualTo(key));
        }

        Assert.That(collection.SearchKeys([0, 0], 3, new VectorSearchOptions { VectorField = "l2" }), Has.Count.EqualTo(3));
        Assert.That(collection.SearchKeys([1, 0], 3, new VectorSearchOptions { VectorField = "cos" }), Is.Empty);
        Assert.That(() => collection.SearchKeys([0, 0], 3, new VectorSearchOptions { VectorField = "cos" }), Throws.ArgumentException);
        Assert.That(() => collection.SearchKeys([0, 0], 3), Throws.ArgumentException.With.Message.Contains("cos, l2"));
        Assert.That(() => collection.SearchKeys([0, 0], 0, new VectorSearchOptions { VectorField = "l2" }), Throws.InstanceOf<ArgumentException>());
        Assert.That(async () => await collection.CountAsync(Filter.Equal("free", 1)), Throws.ArgumentException.With.Message.Contains("IsIndexed"));
        Assert.That(async () => await collection.CountAsync(Filter.Equal("absent", 1)), Throws.ArgumentException);
        Assert.That(async () => await collection.CountAsync(Filter.Equal("n", "x")), Throws.ArgumentException);
        Assert.That(async () => await database.GetDynamicCollection("c", new CollectionDefinition()).EnsureCollectionExistsAsync(), Throws.TypeOf<DatabaseException>().With.Message.Contains("another definition"));
    }

    [Test]
    public async Task AnotherDefinitionIsRefusedByWhatDiffersAndAnotherOrderOfFieldsIsTheSame()
    {
        using var folder = new TemporaryFolder();
        await using var database = await VectorDatabase.OpenAsync(folder["db"]);
        DataField title = new("title", DataKind.Text), stars = new("stars", DataKind.Integer) { IsIndexed = true };
        VectorField small = new("small", 2), large = new("large", 3);
        var made = new CollectionDefinition { Data = [title, stars], Vectors = [small, large] };
        await database.GetDynamicCollection("c", made).EnsureCollectionExistsAsync();

        var turned = database.GetDynamicCollection("c", made with { Data = [stars, title], Vectors = [large, small] });
        await turned.EnsureCollectionExistsAsync();
        await turned.UpsertAsync(new Dictionary<string, object?> { ["Key"] = "k", ["title"] = "t", ["stars"] = 5L, ["small"] = new float[] { 1, 0 }, ["large"] = new float[] { 0, 1, 0 } });
        var record = (await database.GetDynamicCollection("c", made).GetAsync("k"))!;
        Assert.That((record["title"], record["stars"]), Is.EqualTo(("t", 5L)));
        Assert.That(turned.SearchKeys([0, 1, 0], 1, new VectorSearchOptions { VectorField = "large" })[0].Score, Is.EqualTo(1));

        foreach (var (other, difference) in new (CollectionDefinition, string)[]
        {
            (made with { Vectors = [small, large with { Dimensions = 4 }] }, "the vector field 'large' is VectorField { Name = large, Dimensions = 3"),
            (made with { Data = [title, stars, new DataField("new", DataKind.Text)] }, "the data field 'new' is only here."),
            (made with { Data = [stars] }, "the data field 'title' is only there."),
            (made with { Key = KeyKind.Integer, TimeToLive = TimeSpan.FromDays(1) }, "the type of keys is Text there and Integer here; the time to live is unset there and 1.00:00:00 here."),
        })
        {
            Assert.That(
                async () => await database.GetDynamicCollection("c", other).EnsureCollectionExistsAsync(),
                Throws.TypeOf<DatabaseException>().With.Message.StartsWith("The collection 'c' exists with another definition: " + difference).And.Message.Contains("copy the records"));
        }
    }

    [Test]
    public async Task AnArrayThatWasNeverSetIsNoValue()
    {
        using var folder = new TemporaryFolder();
        await using var database = await VectorDatabase.OpenAsync(folder["db"]);
        var collection = database.GetCollection<int, Tagged>("c");
        await collection.EnsureCollectionExistsAsync();
        await collection.UpsertAsync([new Tagged { Id = 1 }, new Tagged { Id = 2, Tags = [] }, new Tagged { Id = 3, Tags = ["a", "b"] }]);
        Assert.That((await collection.GetAsync(1))!.Tags.IsDefault);
        Assert.That((await collection.GetAsync(2))!.Tags, Is.Empty);
        Assert.That((await collection.GetAsync(3))!.Tags, Is.EqualTo(new[] { "a", "b" }));
        Assert.That(await collection.CountAsync(collection.Where(r => r.Tags.Contains("b"))), Is.EqualTo(1));
        Assert.That(await collection.CountAsync(Filter.Exists("Tags")), Is.EqualTo(2));
    }

    [Test]
    public async Task RecordsOutliveTheirTimeNot()
    {
        using var folder = new TemporaryFolder();
        var clock = new StepClock();
        await using var database = await VectorDatabase.OpenAsync(new DatabaseOptions { Path = folder["db"], Clock = clock });
        var collection = database.GetDynamicCollection("c", new CollectionDefinition { TimeToLive = TimeSpan.FromHours(1), Vectors = [new VectorField("v", 2)] });
        await collection.EnsureCollectionExistsAsync();
        await collection.UpsertAsync([new() { ["Key"] = "old", ["v"] = new float[] { 1, 1 } }]);
        clock.Step(TimeSpan.FromMinutes(40));
        await collection.UpsertAsync([new() { ["Key"] = "new", ["v"] = new float[] { 1, 1 } }]);
        await database.CheckpointAsync();
        clock.Step(TimeSpan.FromMinutes(40));
        Assert.That(await collection.GetAsync("old"), Is.Null);
        Assert.That(await collection.CountAsync(), Is.EqualTo(1));
        Assert.That(collection.SearchKeys([1, 1], 5).Select(match => match.Key), Is.EqualTo(new[] { "new" }));
        Assert.That(await database.DeleteExpiredAsync(), Is.EqualTo(1));
        Assert.That(collection.GetStatistics().Count, Is.EqualTo(1));
    }

    [Test]
    public async Task ATimeWithoutEndIsForEver()
    {
        using var folder = new TemporaryFolder();
        await using var database = await VectorDatabase.OpenAsync(folder["db"]);
        var collection = database.GetDynamicCollection("c", new CollectionDefinition { TimeToLive = TimeSpan.MaxValue });
        await collection.EnsureCollectionExistsAsync();
        await collection.UpsertAsync([new() { ["Key"] = "k" }]);
        Assert.That(await database.DeleteExpiredAsync(), Is.Zero);
        Assert.That(await collection.GetAsync("k"), Is.Not.Null);
    }

    [Test]
    public async Task PlacesAreFoundByDistance()
    {
        using var folder = new TemporaryFolder();
        await using var database = await VectorDatabase.OpenAsync(folder["db"]);
        var collection = database.GetDynamicCollection("c", new CollectionDefinition { Data = [new DataField("lat", DataKind.Number) { IsIndexed = true }, new DataField("lon", DataKind.Number) { IsIndexed = true }] });
        await collection.EnsureCollectionExistsAsync();
        await collection.UpsertAsync([new() { ["Key"] = "Berlin", ["lat"] = 52.52, ["lon"] = 13.405 }, new() { ["Key"] = "Potsdam", ["lat"] = 52.39, ["lon"] = 13.065 }, new() { ["Key"] = "Hamburg", ["lat"] = 53.551, ["lon"] = 9.993 }, new() { ["Key"] = "nowhere" }]);
        Assert.That(await collection.CountAsync(Filter.WithinRadius("lat", "lon", 52.52, 13.405, 30_000)), Is.EqualTo(2));
        Assert.That(await collection.CountAsync(Filter.WithinRadius("lat", "lon", 52.52, 13.405, 254_000)), Is.EqualTo(2));
        Assert.That(await collection.CountAsync(Filter.WithinRadius("lat", "lon", 52.52, 13.405, 257_000)), Is.EqualTo(3));
    }

    [Test]
    public async Task TheFeatureOpensAndClosesIt()
    {
        using var folder = new TemporaryFolder();
        await using (var abi = await AbiBuilder.Create().AddDatabase(db => db.Path = folder["db"]).BuildAsync())
        {
            var notes = abi.Database.GetCollection<Guid, Note>("notes");
            await notes.EnsureCollectionExistsAsync();
            Assert.That(abi.Database.Store.ListCollectionNamesAsync().ToBlockingEnumerable(), Is.EqualTo(new[] { "notes" }));
            Assert.That((await abi.HealthAsync()).Values, Has.Some.Property("Status").EqualTo(FeatureHealthStatus.Healthy));
        }

        await using var database = await VectorDatabase.OpenAsync(folder["db"]);
        Assert.That(await database.CollectionExistsAsync("notes"));
    }
}

public sealed class Tagged
{
    [RecordKey]
    public int Id { get; set; }

    [RecordData(IsIndexed = true)]
    public ImmutableArray<string> Tags { get; set; }
}

public sealed class Note
{
    [RecordKey]
    public Guid Id { get; set; }

    [RecordData(IsIndexed = true, IsFullTextIndexed = true)]
    public string? Title { get; set; }

    [RecordData]
    public string? Body { get; init; }

    [RecordData(IsIndexed = true)]
    public int Stars { get; set; }

    [RecordData]
    public float Price { get; set; }

    [RecordData(IsIndexed = true, Name = "written_at")]
    public DateTime Written { get; set; }

    [RecordData(IsIndexed = true)]
    public List<string>? Tags { get; set; }

    [RecordData(IsIndexed = true)]
    public RecordTests.Mood Mood { get; set; }

    [RecordData(IsIndexed = true)]
    public int? Maybe { get; set; }

    [RecordData(IsIndexed = true)]
    public bool IsDone { get; set; }

    [RecordVector(3)]
    public ReadOnlyMemory<float> Embedding { get; set; }

    [RecordVector(2)]
    public Half[]? Small { get; set; }

    [RecordVector(2, DistanceFunction = DistanceFunction.DotProductSimilarity)]
    public ReadOnlyMemory<sbyte>? Tiny { get; set; }

    [RecordVector(3)]
    public ReadOnlyMemory<byte> Bits { get; set; }
}
