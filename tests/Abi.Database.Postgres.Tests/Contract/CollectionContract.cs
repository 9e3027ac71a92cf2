using System.Globalization;
using Abi.Database.Tests.Embeddings;

namespace Abi.Database.Postgres.Tests.Contract;

/// <summary>What <see cref="IVectorDatabase"/> promises, of every store there is.</summary>
[TestFixture("embedded")]
[TestFixture("postgres")]
public sealed class CollectionContract(string kind)
{
    private Stores _store = null!;

    private IVectorDatabase Database => _store.Database;

    [SetUp]
    public async Task Open() => _store = await OpenAsync();

    [TearDown]
    public async Task Close()
    {
        if (_store is not null)
        {
            await _store.DisposeAsync();
        }
    }

    [Test]
    public async Task AClassComesBackAsItWentInAndFiltersAreWrittenInCSharp()
    {
        var things = Database.GetCollection<Guid, Thing>("things");
        await things.EnsureCollectionExistsAsync();
        var id = Guid.NewGuid();
        await things.UpsertAsync(new Thing
        {
            Id = id, Title = "Ein Stück Käse", Body = "long text", Stars = 4, Price = 2.5f, Written = new DateTime(2026, 3, 1, 0, 0, 0, DateTimeKind.Utc), Tags = ["a", "b"], Day = DayOfWeek.Friday,
            Embedding = new float[] { 1, 0, 0 }, Small = [(Half)1, (Half)0.333], Tiny = new sbyte[] { 127, -128 }, Bits = new byte[] { 0b1010_0101, 0b100 },
        });
        await things.UpsertAsync(new Thing { Id = Guid.NewGuid(), Title = "Other", Embedding = new float[] { 0, 1, 0 }, Maybe = 5 });

        var thing = (await things.GetAsync(id))!;
        Assert.That((thing.Title, thing.Body, thing.Stars, thing.Price, thing.Day, thing.Maybe, thing.IsDone), Is.EqualTo(("Ein Stück Käse", "long text", 4, 2.5f, DayOfWeek.Friday, (int?)null, false)));
        Assert.That(thing.Written, Is.EqualTo(new DateTime(2026, 3, 1, 0, 0, 0, DateTimeKind.Utc)));
        Assert.That(thing.Tags, Is.EqualTo(new[] { "a", "b" }));
        Assert.That(thing.Embedding.ToArray(), Is.EqualTo(new float[] { 1, 0, 0 }));
        Assert.That(thing.Small, Is.EqualTo(new[] { (Half)1, (Half)0.333 }));
        Assert.That(thing.Tiny!.Value.ToArray(), Is.EqualTo(new sbyte[] { 127, -128 }));
        Assert.That(thing.Bits.ToArray(), Is.EqualTo(new byte[] { 0b1010_0101, 0b100 }));
        Assert.That((await things.GetAsync(id, includeVectors: false))!.Embedding.IsEmpty);
        Assert.That(await things.GetAsync(Guid.NewGuid()), Is.Null);

        var title = "Ein";
        string[] wanted = ["x", "Other"];
        Assert.That(await things.CountAsync(things.Where(n => n.Stars > 3 && n.Title!.StartsWith(title))), Is.EqualTo(1));
        Assert.That(await things.CountAsync(things.Where(n => n.Tags!.Contains("b"))), Is.EqualTo(1));
        Assert.That(await things.CountAsync(things.Where(n => wanted.Contains(n.Title))), Is.EqualTo(1));
        int?[] sevenOrNone = [7, null];
        Assert.That(await things.CountAsync(things.Where(n => sevenOrNone.Contains(n.Maybe))), Is.EqualTo(1));
        Assert.That(await things.CountAsync(things.Where(n => n.Maybe == null || !(3 < n.Stars))), Is.EqualTo(2));
        Assert.That(await things.CountAsync(things.Where(n => n.Day == DayOfWeek.Friday)), Is.EqualTo(1));
        Assert.That(await things.CountAsync(things.Where(n => !n.IsDone && n.Written < new DateTime(2027, 1, 1, 0, 0, 0, DateTimeKind.Utc))), Is.EqualTo(2));

        var found = await things.SearchAsync(new ReadOnlyMemory<float>([1, 0.1f, 0]), 5, new VectorSearchOptions { VectorField = "Embedding" }).ToListAsync();
        Assert.That(found.Select(result => result.Record.Title), Is.EqualTo(new[] { "Ein Stück Käse", "Other" }));
        Assert.That(found[0].Score, Is.EqualTo(1 / Math.Sqrt(1.01)).Within(1e-6));
        Assert.That(found[0].Record.Embedding.IsEmpty, "vectors were not asked for");
        var near = await things.SearchAsync(new byte[] { 0b1010_0111, 0b100 }, 3, new VectorSearchOptions { VectorField = "Bits", IncludeVectors = true }).ToListAsync();
        Assert.That((near.Count, near[0].Score, near[0].Record.Bits.ToArray()[0]), Is.EqualTo((1, 1.0, (byte)0b1010_0101)), "the other has no bits");
        var tiny = await things.SearchAsync(new sbyte[] { -1, 2 }, 1, new VectorSearchOptions { VectorField = "Tiny" }).ToListAsync();
        Assert.That(tiny[0].Score, Is.EqualTo(-127 - 256));
        Assert.That(async () => await things.SearchAsync(new float[] { 1, 0, 0 }, 1).ToListAsync(), Throws.ArgumentException.With.Message.Contains("Embedding, Small, Tiny, Bits"));
    }

    [Test]
    public async Task EveryKindOfValueAndKeyComesBack([Values] KeyKind key)
    {
        var definition = new CollectionDefinition
        {
            Key = key,
            KeyName = "the \"key\"",
            Data = [.. Enum.GetValues<DataKind>().Select(data => new DataField($"a {data}'s \"value\"", data) { IsIndexed = true })],
        };
        var values = Database.GetDynamicCollection("every \"kind\" of; value", definition);
        await values.EnsureCollectionExistsAsync();
        object[] keys = key switch
        {
            KeyKind.Text => ["", "ключ", "👍", "'; DROP TABLE \"x\"; --", new string('k', 2_000)],
            KeyKind.Guid => [Guid.Empty, Guid.NewGuid(), new Guid("ffffffff-ffff-ffff-ffff-ffffffffffff")],
            _ => [0L, -1L, long.MaxValue, long.MinValue],
        };
        Dictionary<DataKind, object?[]> data = new()
        {
            [DataKind.Boolean] = [true, false, null],
            [DataKind.Integer] = [long.MinValue, long.MaxValue, null],
            [DataKind.Number] = [double.NaN, double.NegativeInfinity, double.Epsilon, -0.1],
            [DataKind.Text] = ["", "a 'b' \\ \"c\" \t\n {} , NULL 👍", null],
            [DataKind.Date] = [new DateTimeOffset(2026, 1, 2, 3, 4, 5, 678, TimeSpan.FromHours(2)), DateTimeOffset.UnixEpoch.AddTicks(-10), DateTimeOffset.MinValue, null],
            [DataKind.IntegerArray] = [Array.Empty<long>(), new long[] { 1, -2, long.MaxValue }, null],
            [DataKind.NumberArray] = [Array.Empty<double>(), new[] { double.NaN, 1.5 }, null],
            [DataKind.TextArray] = [Array.Empty<string>(), new[] { "", "{\"a\",b}", "NULL", "c'd\\" }, null],
        };
        var records = keys.SelectMany((_, i) => Enumerable.Range(0, 1).Select(_ =>
        {
            var record = new Dictionary<string, object?> { [definition.KeyName] = keys[i] };
            foreach (var (kindOfData, options) in data)
            {
                record[$"a {kindOfData}'s \"value\""] = options[i % options.Length];
            }

            return record;
        })).ToList();
        await values.UpsertAsync(records);
        foreach (var record in records)
        {
            Assert.That(await values.GetAsync(record[definition.KeyName]!), Is.EqualTo(record), $"{record[definition.KeyName]}");
        }

        Assert.That(await values.GetAsync(keys.Reverse().Append(keys[0])).Select(record => record[definition.KeyName]).ToListAsync(), Is.EqualTo(keys.Reverse().Append(keys[0])), "in the order asked for, as often");
        Assert.That(await values.ListAsync().Select(record => record[definition.KeyName]).ToListAsync(), Is.EquivalentTo(keys));
        Assert.That(await Database.ListCollectionNamesAsync().ToListAsync(), Is.EqualTo(new[] { "every \"kind\" of; value" }));

        // The definition is with the collection: nothing but its name is needed.
        var again = Database.GetDynamicCollection("every \"kind\" of; value");
        Assert.That(await again.GetAsync(keys[1]), Is.EqualTo(records[1]));
        await again.DeleteAsync(keys.Skip(1));
        Assert.That(await again.CountAsync(), Is.EqualTo(1));
    }

    [Test]
    public async Task WhatDoesNotFitIsRefusedAndChangesNothing()
    {
        var collection = Database.GetDynamicCollection("c", new CollectionDefinition
        {
            Data = [new DataField("n", DataKind.Integer) { IsIndexed = true }, new DataField("free", DataKind.Integer), new DataField("t", DataKind.TextArray) { IsIndexed = true }, new DataField("x", DataKind.Number) { IsIndexed = true }],
            Vectors = [new VectorField("cos", 2), new VectorField("l2", 2) { DistanceFunction = DistanceFunction.EuclideanSquaredDistance }],
        });
        Assert.That(async () => await collection.CountAsync(), Throws.TypeOf<DatabaseException>().With.Message.Contains("EnsureCollectionExists"));
        Assert.That(await collection.CollectionExistsAsync(), Is.False);
        Assert.That(async () => await Database.GetDynamicCollection("without").EnsureCollectionExistsAsync(), Throws.TypeOf<DatabaseException>().With.Message.Contains("definition"));
        await collection.EnsureCollectionExistsAsync();
        await collection.EnsureCollectionExistsAsync();
        Assert.That(await collection.CollectionExistsAsync());
        Dictionary<string, object?> With(string field, object? value) => new() { ["Key"] = "k", [field] = value };
        foreach (var bad in new[]
        {
            With("cos", new float[] { float.NaN, 1 }), With("cos", new float[] { float.PositiveInfinity, 1 }), With("cos", new float[] { 0, 0 }), With("cos", new float[] { 1 }), With("cos", Array.Empty<float>()),
            With("cos", new float[] { 1, 2, 3 }), With("cos", new sbyte[] { 1, 2 }), With("n", "text"), With("n", 1.5), With("nothing", 1), With("Key", null), With("Key", 5), With("Key", "\ud800"), null!,
        })
        {
            Assert.That(async () => await collection.UpsertAsync([new() { ["Key"] = "good", ["n"] = 1 }, bad]), Throws.InstanceOf<ArgumentException>(), bad is null ? "null" : string.Join(' ', bad.Values));
        }

        Assert.That(await collection.CountAsync(), Is.Zero);
        foreach (var bad in new[]
        {
            Filter.Equal("free", 1), Filter.Equal("absent", 1), Filter.Equal("n", "x"), Filter.StartsWith("n", "1"), Filter.Contains("n", 1), Filter.Equal("t", "a"), Filter.Contains("t", 1), Filter.LessThan("n", double.NaN),
            Filter.In("n", 1, "x"), Filter.WithinRadius("n", "x", 1, 1, 1), Nested(65),
        })
        {
            Assert.That(async () => await collection.CountAsync(bad), Throws.ArgumentException, bad.ToString());
        }

        Assert.That(await collection.CountAsync(Nested(60)), Is.Zero);
        Assert.That(async () => await collection.SearchAsync(new float[] { 0, 0 }, 3, new VectorSearchOptions { VectorField = "cos" }).ToListAsync(), Throws.ArgumentException);
        Assert.That(async () => await collection.SearchAsync(new float[] { 0, 0 }, 0, new VectorSearchOptions { VectorField = "l2" }).ToListAsync(), Throws.InstanceOf<ArgumentException>());
        Assert.That(async () => await collection.SearchAsync("text", 1, new VectorSearchOptions { VectorField = "l2" }).ToListAsync(), Throws.TypeOf<DatabaseException>().With.Message.Contains("no embedding generator"));
        Assert.That(async () => await collection.SearchTextAsync("a", 3).ToListAsync(), Throws.ArgumentException.With.Message.Contains("IsFullTextIndexed"));
        Assert.That(async () => await collection.ListAsync(new ListOptions { Skip = -1 }).ToListAsync(), Throws.ArgumentException);
        Assert.That(async () => await Database.GetDynamicCollection("c", new CollectionDefinition()).EnsureCollectionExistsAsync(), Throws.TypeOf<DatabaseException>().With.Message.Contains("another definition"));
        Assert.That(async () => await collection.CountAsync(null, new CancellationToken(canceled: true)), Throws.InstanceOf<OperationCanceledException>());
        await collection.EnsureCollectionDeletedAsync();
        await collection.EnsureCollectionDeletedAsync();
        Assert.That(async () => await collection.CountAsync(), Throws.TypeOf<DatabaseException>());
        Assert.That(await Database.CollectionExistsAsync("c"), Is.False);

        static Filter Nested(int depth) => depth == 0 ? Filter.Exists("n") : Filter.Not(Filter.Not(Nested(depth - 2 < 0 ? 0 : depth - 2)));
    }

    [Test]
    public async Task TheLastRecordOfAKeyCountsAndPagesAreOfOneOrder()
    {
        var collection = Database.GetDynamicCollection("c", new CollectionDefinition { Key = KeyKind.Integer, Data = [new DataField("n", DataKind.Integer) { IsIndexed = true }] });
        await collection.EnsureCollectionExistsAsync();
        await collection.UpsertAsync(Enumerable.Range(0, 2_500).Select(i => Record(i % 2_000, i)));
        Assert.That(await collection.CountAsync(), Is.EqualTo(2_000));
        Assert.That((await collection.GetAsync(499))!["n"], Is.EqualTo(2_499));
        await collection.UpsertAsync(Record(499, 1));
        Assert.That((await collection.GetAsync(499))!["n"], Is.EqualTo(1));
        await collection.UpsertAsync(Array.Empty<Dictionary<string, object?>>());

        HashSet<object?> seen = [];
        for (var page = 0; page < 5; page++)
        {
            await foreach (var record in collection.ListAsync(new ListOptions { Filter = Filter.LessThan("n", 1_000), Skip = page * 100, Top = 100 }))
            {
                Assert.That(seen.Add(record["Key"]));
            }
        }

        Assert.That(seen, Has.Count.EqualTo(500));
        var taken = 0;
        await foreach (var record in collection.ListAsync())
        {
            Assert.That(record, Has.Count.EqualTo(2));
            if (++taken == 3)
            {
                break;
            }
        }

        await collection.DeleteAsync(499);
        await collection.DeleteAsync(499);
        await collection.DeleteAsync(Enumerable.Range(0, 400).Select(i => (object)i));
        Assert.That(await collection.CountAsync(), Is.EqualTo(1_599));

        static Dictionary<string, object?> Record(int key, int n) => new() { ["Key"] = key, ["n"] = n };
    }

    /// <summary>More values than a statement of PostgreSQL may have parameters.</summary>
    [Test]
    public async Task AFilterMayNameManyValues()
    {
        var collection = Database.GetDynamicCollection("c", new CollectionDefinition { Key = KeyKind.Integer, Data = [new DataField("n", DataKind.Integer) { IsIndexed = true }, new DataField("x", DataKind.Number) { IsIndexed = true }, new DataField("text", DataKind.Text) { IsIndexed = true }] });
        await collection.EnsureCollectionExistsAsync();
        await collection.UpsertAsync(Enumerable.Range(0, 100).Select(i => i == 0 ? new Dictionary<string, object?> { ["Key"] = i } : new() { ["Key"] = i, ["n"] = i * 1_000, ["x"] = i == 1 ? double.NaN : i * 1_000.5, ["text"] = $"t{i * 1_000}" }));
        var many = Enumerable.Range(0, 70_000).ToArray();
        Assert.That(await collection.CountAsync(Filter.In("n", many.Cast<object>().Append(75_000.0).Append(0.5))), Is.EqualTo(70));
        Assert.That(await collection.CountAsync(Filter.In("x", many.Select(i => (object)(i * 0.5)).Append(double.NaN))), Is.EqualTo(33));
        Assert.That(await collection.CountAsync(Filter.Not(Filter.In("text", many.Select(i => $"t{i}")))), Is.EqualTo(31));
    }

    /// <summary>Doubles cannot tell such numbers apart.</summary>
    [Test]
    public async Task DecimalsAreComparedWithWholeNumbersExactly()
    {
        const long Most = 1L << 53;
        var collection = Database.GetDynamicCollection("c", new CollectionDefinition { Key = KeyKind.Integer, Data = [new DataField("n", DataKind.Integer) { IsIndexed = true }] });
        await collection.EnsureCollectionExistsAsync();
        long[] all = [long.MinValue, -1, 0, Most, Most + 1, Most + 2, long.MaxValue];
        await collection.UpsertAsync(all.Select((n, i) => new Dictionary<string, object?> { ["Key"] = i, ["n"] = n }));
        foreach (var exact in (decimal[])[decimal.MinValue, long.MinValue - 0.5m, long.MinValue, -0.5m, Most + 0.5m, Most + 1, Most + 1.5m, long.MaxValue, long.MaxValue + 0.5m, decimal.MaxValue])
        {
            await CheckAsync(Filter.Equal("n", exact), n => n == exact);
            await CheckAsync(Filter.NotEqual("n", exact), n => n != exact);
            await CheckAsync(Filter.LessThan("n", exact), n => n < exact);
            await CheckAsync(Filter.LessThanOrEqual("n", exact), n => n <= exact);
            await CheckAsync(Filter.GreaterThan("n", exact), n => n > exact);
            await CheckAsync(Filter.GreaterThanOrEqual("n", exact), n => n >= exact);
            await CheckAsync(Filter.In("n", exact, 0m), n => n == exact || n == 0);
        }

        async Task CheckAsync(Filter filter, Func<decimal, bool> holds) =>
            Assert.That(await collection.ListAsync(new ListOptions { Filter = filter }).Select(record => (long)record["n"]!).OrderBy(n => n).ToListAsync(), Is.EqualTo(all.Where(n => holds(n))), filter.ToString());
    }

    /// <summary>Words, too, are those of the field of a name, and not of its place.</summary>
    [Test]
    public async Task FieldsInAnotherOrderAreTheSameFields()
    {
        DataField title = new("title", DataKind.Text) { IsFullTextIndexed = true }, plain = new("n", DataKind.Integer), body = new("body", DataKind.Text) { IsFullTextIndexed = true };
        var made = new CollectionDefinition { Data = [title, plain, body] };
        var collection = Database.GetDynamicCollection("c", made);
        await collection.EnsureCollectionExistsAsync();
        await collection.UpsertAsync(new Dictionary<string, object?> { ["Key"] = "a", ["title"] = "cat", ["body"] = "dog" });
        var turned = Database.GetDynamicCollection("c", made with { Data = [plain, body, title] });
        await turned.EnsureCollectionExistsAsync();
        await turned.UpsertAsync(new Dictionary<string, object?> { ["Key"] = "b", ["title"] = "bird", ["body"] = "fish" });
        foreach (var one in new[] { collection, turned })
        {
            foreach (var (word, field, key) in new[] { ("cat", "title", "a"), ("dog", "body", "a"), ("bird", "title", "b"), ("fish", "body", "b") })
            {
                Assert.That(await one.SearchTextAsync(word, 5, new TextSearchOptions { Fields = [field] }).Select(found => found.Record["Key"]).ToListAsync(), Is.EqualTo(new[] { key }), $"{word} in {field}");
            }
        }
    }

    [Test]
    public async Task KeysOfAnotherTypeAreRefusedAtOnce()
    {
        Assert.That(() => Database.GetCollection<string, Thing>("things"), Throws.ArgumentException.With.Message.Contains("String").And.Message.Contains("GetCollection<Guid, Thing>"));
        Assert.That(() => Database.GetCollection<Guid, Page>("pages"), Throws.ArgumentException.With.Message.Contains("Guid").And.Message.Contains("GetCollection<String, Page>"));
        Assert.That(() => Database.GetCollection<string, Page>("pages", new CollectionDefinition { Key = KeyKind.Integer }), Throws.ArgumentException.With.Message.Contains("Integer"));
        var things = Database.GetCollection<object, Thing>("things");
        await things.EnsureCollectionExistsAsync();
        var id = Guid.NewGuid();
        await things.UpsertAsync(new Thing { Id = id, Title = "one" });
        Assert.That((await things.GetAsync(id))!.Title, Is.EqualTo("one"));
    }

    [Test]
    public async Task SearchesUnderFiltersGiveAllThatIsAskedFor()
    {
        const int Count = 3_000;
        var random = new Random(7);
        var collection = Database.GetDynamicCollection("c", new CollectionDefinition
        {
            Key = KeyKind.Integer,
            Data = [new DataField("n", DataKind.Integer) { IsIndexed = true }],
            Vectors = [new VectorField("v", 16) { IndexKind = IndexKind.Hnsw, DistanceFunction = DistanceFunction.EuclideanSquaredDistance }],
        });
        await collection.EnsureCollectionExistsAsync();
        float[][] vectors = [.. Enumerable.Range(0, Count).Select(_ => Enumerable.Range(0, 16).Select(_ => (float)random.NextDouble()).ToArray())];
        await collection.UpsertAsync(vectors.Select((vector, i) => new Dictionary<string, object?> { ["Key"] = i, ["n"] = i, ["v"] = vector }));
        var hits = 0;
        foreach (var matching in new[] { 1, 7, 40, 400, Count })
        {
            for (var q = 0; q < 5; q++)
            {
                var query = vectors[random.Next(Count)];
                var truth = Enumerable.Range(0, matching).OrderBy(i => Distance(vectors[i], query)).ThenBy(i => i).Take(20).ToArray();
                var found = await collection.SearchAsync(query, 15, new VectorSearchOptions { Filter = Filter.LessThan("n", matching), Skip = 5 }).ToListAsync();
                Assert.That(found, Has.Count.EqualTo(Math.Max(0, Math.Min(15, matching - 5))), $"{matching} match");
                Assert.That(found.Select(result => result.Score), Is.Ordered.Ascending);
                foreach (var result in found)
                {
                    Assert.That(result.Score, Is.EqualTo(Distance(vectors[(int)(long)result.Record["Key"]!], query)).Within(1e-5));
                }

                hits += matching == Count ? found.Count(result => truth.Skip(5).Contains((int)(long)result.Record["Key"]!)) : 0;
                var exact = await collection.SearchAsync(query, 20, new VectorSearchOptions { Filter = Filter.LessThan("n", matching), IsExact = true }).ToListAsync();
                Assert.That(exact.Select(result => (int)(long)result.Record["Key"]!), Is.EqualTo(truth));
            }
        }

        Assert.That(hits, Is.GreaterThanOrEqualTo(71), "of 75 that are nearest");
        Assert.That(await collection.SearchAsync(vectors[0], Count + 10).ToListAsync(), Has.Count.EqualTo(Count));

        static double Distance(float[] a, float[] b) => a.Zip(b, (x, y) => ((double)x - y) * ((double)x - y)).Sum();
    }

    [Test]
    public async Task HybridSearchesFuseBothLists()
    {
        var pages = Database.GetDynamicCollection("pages", new CollectionDefinition { Data = [new DataField("text", DataKind.Text) { IsFullTextIndexed = true }, new DataField("n", DataKind.Integer) { IsIndexed = true }], Vectors = [new VectorField("v", 2)] });
        await pages.EnsureCollectionExistsAsync();
        await pages.UpsertAsync([Page("a", "the cat sat", 1, 0), Page("b", "a dog, a cat and another cat", 0.8f, 0.6f), Page("c", "nothing of it", 0, 1), Page("d", "cat", null, null), Page("e", null, 0.9f, 0.1f)]);
        var found = await pages.HybridSearchAsync(new float[] { 1, 0 }, "cat", top: 10).ToListAsync();
        Assert.That(found.Select(result => result.Record["Key"]), Is.EquivalentTo(new[] { "a", "b", "c", "d", "e" }));
        Assert.That(found.Select(result => result.Score), Is.Ordered.Descending);
        var byText = found.Where(result => result.TextScore is not null).OrderByDescending(result => result.TextScore).Select(result => (string)result.Record["Key"]!).ToList();
        var byVector = found.Where(result => result.VectorScore is not null).OrderByDescending(result => result.VectorScore).Select(result => (string)result.Record["Key"]!).ToList();
        Assert.That(byText, Is.EquivalentTo(new[] { "a", "b", "d" }));
        Assert.That(byVector, Is.EqualTo(new[] { "a", "e", "b", "c" }));
        foreach (var result in found)
        {
            var key = (string)result.Record["Key"]!;
            Assert.That(result.Score, Is.EqualTo(Gain(byVector.IndexOf(key)) + Gain(byText.IndexOf(key))).Within(1e-12), key);
        }

        var options = new HybridSearchOptions { Filter = Filter.NotEqual("n", 3), Fusion = HybridFusion.WeightedScores, Highlight = new HighlightOptions(), IncludeVectors = true };
        var filtered = await pages.HybridSearchAsync(new float[] { 1, 0 }, "cat", top: 3, options).ToListAsync();
        Assert.That(filtered.Select(result => result.Record["Key"]), Is.EquivalentTo(new[] { "a", "b", "e" }), "the three that are near, without d");
        Assert.That(filtered.Select(result => result.Record["v"]), Is.All.Not.Null);
        var later = await pages.HybridSearchAsync(new float[] { 1, 0 }, "cat", top: 2, options with { Skip = 1 }).ToListAsync();
        Assert.That(later.Select(result => result.Record["Key"]), Is.EqualTo(filtered.Skip(1).Select(result => result.Record["Key"])));
        Assert.That(filtered.Where(result => result.TextScore is not null).SelectMany(result => result.Highlights).Select(highlight => highlight.Mark("[", "]")), Is.All.Contains("[cat]"));
        Assert.That(async () => await pages.HybridSearchAsync(new float[] { 1, 0 }, "cat", 2, new HybridSearchOptions { TextWeight = -1 }).ToListAsync(), Throws.ArgumentException);

        static double Gain(int rank) => rank < 0 ? 0 : 1.0 / (60 + rank + 1);

        static Dictionary<string, object?> Page(string key, string? text, float? x, float? y) => new() { ["Key"] = key, ["text"] = text, ["n"] = key[0] - 'a', ["v"] = x is null ? null : new[] { x.Value, y!.Value } };
    }

    [Test]
    public async Task TextsAreEmbeddedOnUpsertAndOnSearch()
    {
        using var generator = new LetterGenerator();
        await using var store = await OpenAsync(generator);
        var pages = store.Database.GetCollection<string, Page>("pages");
        await pages.EnsureCollectionExistsAsync();
        await pages.UpsertAsync([new Page { Id = "a", Text = "abba" }, new Page { Id = "z", Text = "jazz" }, new Page { Id = "none" }, new Page { Id = "blank", Text = " " }]);
        Assert.That((await pages.GetAsync("a"))!.Vector.ToArray(), Is.EqualTo(LetterGenerator.VectorOf("abba")));
        Assert.That((await pages.GetAsync("none"))!.Vector.IsEmpty);
        Assert.That(await pages.SearchAsync("pizzazz", 5).Select(found => found.Record.Id).ToListAsync(), Is.EqualTo(new[] { "z", "a" }));
        Assert.That(await pages.HybridSearchAsync("jazz", 5).Select(found => $"{found.Record.Id} {found.VectorScore is not null} {found.TextScore is not null}").ToListAsync(), Is.EqualTo(new[] { "z True True", "a True False" }));

        generator.Calls.Clear();
        var page = (await pages.GetAsync("a"))!;
        page.Topic = "music";
        await pages.UpsertAsync(page);
        Assert.That(generator.Calls, Is.Empty, "the text is the same");
        page = (await pages.GetAsync("a"))!;
        page.Text = "queen";
        await pages.UpsertAsync([page, new Page { Id = "z", Text = "other", Vector = LetterGenerator.VectorOf("mine") }]);
        Assert.That((await pages.GetAsync("a"))!.Vector.ToArray(), Is.EqualTo(LetterGenerator.VectorOf("queen")));
        Assert.That((await pages.GetAsync("z"))!.Vector.ToArray(), Is.EqualTo(LetterGenerator.VectorOf("mine")), "another vector was given with the new text");
        page = (await pages.GetAsync("a"))!;
        page.Text = null;
        await pages.UpsertAsync(page);
        Assert.That((await pages.GetAsync("a"))!.Vector.IsEmpty, "no text is left to make a vector of");
        var without = Database.GetCollection<string, Page>("without");
        await without.EnsureCollectionExistsAsync();
        Assert.That(async () => await without.UpsertAsync(new Page { Id = "b", Text = "text" }), Throws.TypeOf<DatabaseException>().With.Message.Contains("no embedding generator"));
        Assert.That(await without.CountAsync(), Is.Zero);
    }

    [Test]
    public async Task WritesAtOnceLeaveWholeCalls()
    {
        var collection = Database.GetDynamicCollection("c", new CollectionDefinition { Data = [new DataField("writer", DataKind.Integer) { IsIndexed = true }], Vectors = [new VectorField("v", 4)] });
        await collection.EnsureCollectionExistsAsync();
        string[] keys = [.. Enumerable.Range(0, 40).Select(i => i.ToString(CultureInfo.InvariantCulture))];
        await Task.WhenAll(Enumerable.Range(0, 6).Select(writer => Task.Run(async () =>
        {
            for (var round = 0; round < 8; round++)
            {
                // Each its own order of the same keys: what waits for each other in a circle would fail.
                var random = new Random((writer * 100) + round);
                await collection.UpsertAsync(keys.OrderBy(_ => random.Next()).Select(key => new Dictionary<string, object?> { ["Key"] = key, ["writer"] = writer, ["v"] = new float[] { writer + 1, 1, 1, 1 } }));
                Assert.That((await collection.ListAsync().Select(record => record["writer"]).ToListAsync()).Distinct().Count(), Is.EqualTo(1), "a read sees whole calls");
            }
        })));
        Assert.That(await collection.CountAsync(), Is.EqualTo(40));
    }

    private Task<Stores> OpenAsync(LetterGenerator? generator = null) => kind == "embedded" ? Stores.EmbeddedAsync(generator) : Stores.PostgresAsync(generator);
}
