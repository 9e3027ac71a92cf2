using Abi.Testing;

namespace Abi.Database.Tests.Indexes;

/// <summary>Collections of real word vectors, and how many of the true nearest a search finds in them.</summary>
public abstract class WordsFixture
{
    protected const int Rows = 20_000;

    private const int Queries = 300;

    protected float[] Base { get; private set; } = [];

    protected float[] QueryVectors { get; private set; } = [];

    [OneTimeSetUp]
    public void Read()
    {
        (_, Base) = NpyFile.Read<float>(Fixtures.Path("vectors", "words100", "base.f32.npy"));
        (_, QueryVectors) = NpyFile.Read<float>(Fixtures.Path("vectors", "words100", "queries.f32.npy"));
    }

    protected async Task<VectorCollection<object, Dictionary<string, object?>>> FillAsync(VectorDatabase database, VectorField field, int rows = Rows, bool isLinked = true)
    {
        var words = database.GetDynamicCollection("words", new CollectionDefinition { Key = KeyKind.Integer, Data = [new DataField("mod", DataKind.Integer) { IsIndexed = true }], Vectors = [field] });
        await words.EnsureCollectionExistsAsync();
        await words.UpsertAsync(Enumerable.Range(0, rows).Select(Record));
        if (isLinked)
        {
            await database.WaitForIndexAsync();
        }

        return words;
    }

    protected Dictionary<string, object?> Record(int row) => new(StringComparer.Ordinal) { ["Key"] = (long)row, ["mod"] = (long)(row % 1000), ["v"] = Base.AsMemory(row * 100, 100) };

    /// <summary>How many of the nearest are found.</summary>
    /// <param name="words">The collection.</param>
    /// <param name="options">How to search.</param>
    /// <param name="exact">The nearest, as <see cref="Exact"/> gives them; null to look for them.</param>
    protected double Recall(VectorCollection<object, Dictionary<string, object?>> words, VectorSearchOptions options, HashSet<object>[]? exact = null)
    {
        exact ??= Exact(words, options);
        var hits = 0;
        for (var i = 0; i < exact.Length; i++)
        {
            var found = words.SearchKeys(QueryVectors.AsSpan(i * 100, 100), 10, options);
            Assert.That(found, Has.Count.EqualTo(exact[i].Count));
            hits += found.Count(match => exact[i].Contains(match.Key));
        }

        return (double)hits / exact.Sum(keys => keys.Count);
    }

    /// <summary>The nearest of each of the first queries, found by comparing all.</summary>
    protected HashSet<object>[] Exact(VectorCollection<object, Dictionary<string, object?>> words, VectorSearchOptions options, int queries = Queries) =>
        [.. Enumerable.Range(0, queries).Select(i => words.SearchKeys(QueryVectors.AsSpan(i * 100, 100), 10, options with { IsExact = true }).Select(match => match.Key).ToHashSet())];
}
