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

    protected double Recall(VectorCollection<object, Dictionary<string, object?>> words, VectorSearchOptions options, int queries = Queries)
    {
        var (hits, all) = (0, 0);
        for (var i = 0; i < queries; i++)
        {
            var query = QueryVectors.AsSpan(i * 100, 100);
            var exact = words.SearchKeys(query, 10, options with { IsExact = true }).Select(match => match.Key).ToHashSet();
            var found = words.SearchKeys(query, 10, options);
            Assert.That(found, Has.Count.EqualTo(exact.Count));
            hits += found.Count(match => exact.Contains(match.Key));
            all += exact.Count;
        }

        return (double)hits / all;
    }
}
