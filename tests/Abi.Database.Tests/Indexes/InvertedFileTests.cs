namespace Abi.Database.Tests.Indexes;

/// <summary>The inverted file with product quantization on real word vectors: recall, filters, deletions, reopening, damage, growth.</summary>
[Parallelizable]
public sealed class InvertedFileTests : WordsFixture
{
    [TestCase(DistanceFunction.CosineSimilarity, 0.97)]
    [TestCase(DistanceFunction.EuclideanSquaredDistance, 0.97)]
    [TestCase(DistanceFunction.DotProductSimilarity, 0.9)] // cells are made for distances, not for products
    public async Task FindsTheNearestAndOpensAgain(DistanceFunction function, double least)
    {
        using var folder = new TemporaryFolder();
        double before;
        await using (var database = await VectorDatabase.OpenAsync(folder["words"]))
        {
            var words = await FillAsync(database, new VectorField("v", 100) { IndexKind = IndexKind.IvfPq, DistanceFunction = function });
            Assert.That(words.GetStatistics().Vectors[0] with { ResidentBytes = 0 }, Is.EqualTo(new VectorStatistics("v", IndexKind.IvfPq, Rows, 0)));
            before = Recall(words, new VectorSearchOptions());
            var wide = Recall(words, new VectorSearchOptions { Effort = 400 });
            TestContext.Out.WriteLine($"{function}: {before:f4}, at 400 {wide:f4}");
            Assert.That(before, Is.GreaterThanOrEqualTo(least));
            Assert.That(wide, Is.GreaterThanOrEqualTo(before));
        }

        await using var again = await VectorDatabase.OpenAsync(folder["words"]);
        Assert.That(again.Recovery.Warnings, Is.Empty);
        Assert.That(again.GetDynamicCollection("words").GetStatistics().Vectors[0] with { ResidentBytes = 0 }, Is.EqualTo(new VectorStatistics("v", IndexKind.IvfPq, Rows, 0)));
        Assert.That(Recall(again.GetDynamicCollection("words"), new VectorSearchOptions()), Is.EqualTo(before).Within(0.002)); // equal sums may be told apart by their new slots
    }

    [Test]
    public async Task ARecallThatIsAskedForIsReached()
    {
        using var folder = new TemporaryFolder();
        await using var database = await VectorDatabase.OpenAsync(folder["words"]);
        var words = await FillAsync(database, new VectorField("v", 100) { IndexKind = IndexKind.IvfPq });
        Assert.That(Recall(words, new VectorSearchOptions { Recall = 0.99 }), Is.GreaterThanOrEqualTo(0.98));
    }

    /// <summary>Of thousands of vectors that differ by a few hundredths nearly each is among those that its own code brings, though codes are short.</summary>
    [TestCase(DistanceFunction.CosineSimilarity)]
    [TestCase(DistanceFunction.EuclideanSquaredDistance)]
    public async Task NearVectorsAreFound(DistanceFunction function)
    {
        const int Others = 12_000;
        const int Near = 3000;
        var random = new Random(7);
        using var folder = new TemporaryFolder();
        await using var database = await VectorDatabase.OpenAsync(new DatabaseOptions { Path = folder["words"], Durability = Durability.Os });
        var words = await FillAsync(database, new VectorField("v", 100) { IndexKind = IndexKind.IvfPq, DistanceFunction = function }, Others, isLinked: false);
        var near = Enumerable.Range(0, Near).Select(_ => Base.AsSpan(Others * 100, 100).ToArray().Select(x => x * (1 + ((random.NextSingle() - 0.5f) * 0.2f))).ToArray()).ToArray();
        await words.UpsertAsync(near.Select((vector, i) => new Dictionary<string, object?>(Record(Others + i), StringComparer.Ordinal) { ["v"] = vector }));
        await database.WaitForIndexAsync();
        var missed = Enumerable.Range(0, 300).Count(i => !words.SearchKeys(near[i * 10], 10).Any(match => match.Key.Equals((long)(Others + (i * 10)))));
        TestContext.Out.WriteLine($"{function}: missed {missed} of 300");
        Assert.That(missed, Is.LessThanOrEqualTo(60));
    }

    [Test]
    public async Task FiltersAndDeletionsLeaveAllThatIsAskedFor()
    {
        using var folder = new TemporaryFolder();
        await using var database = await VectorDatabase.OpenAsync(folder["words"]);
        var words = await FillAsync(database, new VectorField("v", 100) { IndexKind = IndexKind.IvfPq });
        foreach (var (filter, matches) in new[] { (Filter.Equal("mod", 7), 20), (Filter.LessThan("mod", 30), 600), (Filter.LessThan("mod", 500), 10_000) })
        {
            Assert.That(Recall(words, new VectorSearchOptions { Filter = filter }), Is.GreaterThanOrEqualTo(0.95), filter.ToString());
            Assert.That(words.SearchKeys(QueryVectors.AsSpan(0, 100), 50, new VectorSearchOptions { Filter = filter }), Has.Count.EqualTo(Math.Min(50, matches)));
        }

        for (var round = 0; round < 3; round++)
        {
            var odd = Enumerable.Range(0, Rows).Where(row => row % 3 == round).ToList();
            await words.DeleteAsync(odd.Select(row => (object)(long)row));
            Assert.That(words.SearchKeys(Base.AsSpan(round * 100, 100), 1)[0].Key, Is.Not.EqualTo((long)round));
            await words.UpsertAsync(odd.Select(Record));
            await database.WaitForIndexAsync();
            Assert.That(words.SearchKeys(Base.AsSpan(round * 100, 100), 1)[0].Key, Is.EqualTo((long)round));
        }

        Assert.That(words.GetStatistics().Vectors[0].Linked, Is.GreaterThanOrEqualTo(Rows));
        Assert.That(Recall(words, new VectorSearchOptions()), Is.GreaterThanOrEqualTo(0.96));
    }

    [Test]
    public async Task IsBuiltAnewWhenItsFileIsDamaged()
    {
        using var folder = new TemporaryFolder();
        await using (var database = await VectorDatabase.OpenAsync(folder["words"]))
        {
            await FillAsync(database, new VectorField("v", 100) { IndexKind = IndexKind.IvfPq });
        }

        var path = Directory.GetFiles(folder["words"], "graph-*").Single();
        var bytes = await File.ReadAllBytesAsync(path);
        bytes[bytes.Length / 2] ^= 4;
        await File.WriteAllBytesAsync(path, bytes);
        await using var again = await VectorDatabase.OpenAsync(folder["words"]);
        var words = again.GetDynamicCollection("words");
        Assert.That(again.Recovery.Warnings, Has.Length.EqualTo(1));
        Assert.That(words.SearchKeys(Base.AsSpan(0, 100), 1)[0].Key, Is.EqualTo(0L));
        await again.WaitForIndexAsync();
        Assert.That(words.GetStatistics().Vectors[0] with { ResidentBytes = 0 }, Is.EqualTo(new VectorStatistics("v", IndexKind.IvfPq, Rows, 0)));
        Assert.That(Recall(words, new VectorSearchOptions()), Is.GreaterThanOrEqualTo(0.96));
    }

    [Test]
    public void IsForFloatsWithoutOtherCodes() => Assert.ThrowsAsync<ArgumentException>(async () =>
    {
        using var folder = new TemporaryFolder();
        await using var database = await VectorDatabase.OpenAsync(folder["words"]);
        await database.GetDynamicCollection("words", new CollectionDefinition { Vectors = [new VectorField("v", 8) { IndexKind = IndexKind.IvfPq, IsQuantized = true }] }).EnsureCollectionExistsAsync();
    });
}
