namespace Abi.Database.Tests.Indexes;

/// <summary>Vectors at the edges of what floats can hold, and of what dimensions there are.</summary>
[Parallelizable]
public sealed class ExtremeVectorTests
{
    /// <summary>Distances that are infinite, or no numbers, do not make records unfindable.</summary>
    [Test]
    public async Task AsManyAreFoundAsThereAreHoweverFar(
        [Values(1e-30f, 1e18f, 1e20f, 3e38f)] float scale, [Values(DistanceFunction.EuclideanSquaredDistance, DistanceFunction.DotProductSimilarity)] DistanceFunction function, [Values(IndexKind.Flat, IndexKind.Hnsw)] IndexKind kind, [Values] bool isQuantized)
    {
        using var folder = new TemporaryFolder();
        await using var database = await VectorDatabase.OpenAsync(folder["points"]);
        var points = await FillAsync(database, new VectorField("v", 8) { IndexKind = kind, DistanceFunction = function, IsQuantized = isQuantized }, row => Vector(row, 8, scale));
        var found = points.SearchKeys(Vector(7, 8, scale), 20);
        Assert.That(found.Select(match => match.Key).ToList(), Is.Unique.And.Count.EqualTo(20));
        if (function == DistanceFunction.EuclideanSquaredDistance && scale > 1)
        {
            Assert.That(found[0], Is.EqualTo(new KeyMatch<object>(7L, 0)));
        }
    }

    /// <summary>A vector whose cosines could not be computed is refused; those that can are found at their best.</summary>
    [TestCase(1e-30f, true)]
    [TestCase(1e-20f, true)]
    [TestCase(1e-14f, false)]
    [TestCase(1e17f, false)]
    [TestCase(1e20f, true)]
    [TestCase(3e38f, true)]
    public async Task CosinesAreOfVectorsThatHaveOne(float scale, bool isRefused)
    {
        using var folder = new TemporaryFolder();
        await using var database = await VectorDatabase.OpenAsync(folder["points"]);
        if (isRefused)
        {
            Assert.ThrowsAsync<ArgumentException>(() => FillAsync(database, new VectorField("v", 8), row => Vector(row, 8, scale)));
            return;
        }

        var points = await FillAsync(database, new VectorField("v", 8), row => Vector(row, 8, scale));
        foreach (var row in new[] { 0, 7, 999 })
        {
            var found = points.SearchKeys(Vector(row, 8, scale), 1)[0];
            Assert.That(found.Key, Is.EqualTo((long)row));
            Assert.That(found.Score, Is.EqualTo(1).Within(1e-6));
        }
    }

    [Test]
    public async Task OneDimensionIsEnough([Values(DistanceFunction.EuclideanSquaredDistance, DistanceFunction.CosineSimilarity)] DistanceFunction function, [Values(IndexKind.Flat, IndexKind.Hnsw)] IndexKind kind)
    {
        using var folder = new TemporaryFolder();
        await using var database = await VectorDatabase.OpenAsync(folder["points"]);
        var points = await FillAsync(database, new VectorField("v", 1) { IndexKind = kind, DistanceFunction = function }, row => [row - 499.5f]);
        foreach (var row in new[] { 0, 300, 999 })
        {
            var found = points.SearchKeys([row - 499.5f], 5);
            var expected = function == DistanceFunction.CosineSimilarity ? 1 : 0;
            Assert.That(found, Has.Count.EqualTo(5));
            Assert.That(found[0].Score, Is.EqualTo(expected).Within(1e-6));
            Assert.That(found.All(match => function == DistanceFunction.CosineSimilarity ? (long)match.Key >= 500 == row >= 500 : Math.Abs((long)match.Key - row) <= 4));
        }
    }

    [Test]
    public async Task FourThousandDimensionsAreNotTooMany([Values(IndexKind.Flat, IndexKind.Hnsw)] IndexKind kind)
    {
        using var folder = new TemporaryFolder();
        await using var database = await VectorDatabase.OpenAsync(folder["points"]);
        var points = await FillAsync(database, new VectorField("v", 4096) { IndexKind = kind }, row => Vector(row, 4096, 1));
        foreach (var row in new[] { 0, 300, 999 })
        {
            Assert.That(points.SearchKeys(Vector(row, 4096, 1), 1, new VectorSearchOptions { Effort = 16 })[0].Key, Is.EqualTo((long)row));
        }
    }

    private static async Task<VectorCollection<object, Dictionary<string, object?>>> FillAsync(VectorDatabase database, VectorField field, Func<int, float[]> vector)
    {
        var points = database.GetDynamicCollection("points", new CollectionDefinition { Key = KeyKind.Integer, Vectors = [field] });
        await points.EnsureCollectionExistsAsync();
        await points.UpsertAsync(Enumerable.Range(0, 1000).Select(row => new Dictionary<string, object?>(StringComparer.Ordinal) { ["Key"] = (long)row, ["v"] = vector(row) }));
        await database.WaitForIndexAsync();
        return points;
    }

    private static float[] Vector(int row, int dimensions, float scale)
    {
        var random = new Random(row);
        return [.. Enumerable.Range(0, dimensions).Select(_ => (random.NextSingle() - 0.5f) * scale)];
    }
}
