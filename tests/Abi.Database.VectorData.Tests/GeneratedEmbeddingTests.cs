using Abi.Database.Embeddings;
using Abi.Database.Tests;
using Abi.Database.Tests.Embeddings;
using Microsoft.Extensions.VectorData;

namespace Abi.Database.VectorData.Tests;

/// <summary>Vectors that a generator makes of what records hold.</summary>
public sealed class GeneratedEmbeddingTests : StoreFixture
{
    [Test]
    public async Task TextsAreEmbeddedOnceForABatchAndOnSearch()
    {
        using var generator = new LetterGenerator();
        var pages = await MakeAsync<Guid, Page>(StoreWith(generator));
        var (first, second, none) = (new Page { Text = "abba" }, new Page { Text = "zoo" }, new Page { Text = null });
        await pages.UpsertAsync([first, none, second]);
        Assert.That(generator.Calls, Is.EqualTo(new string[][] { ["abba", "zoo"] }));
        var found = await pages.SearchAsync("ooz", 5).ToListAsync();
        Assert.That(found.Select(it => it.Record.Id), Is.EqualTo([second.Id, first.Id]), "what has no text has no vector");
        Assert.That(found[0].Score, Is.EqualTo(1).Within(1e-6));
        Assert.That((await pages.SearchAsync(LetterGenerator.VectorOf("ab"), 1).SingleAsync()).Record.Id, Is.EqualTo(first.Id), "a vector is taken as it is");
        Assert.That(() => pages.GetAsync(first.Id, new RecordRetrievalOptions { IncludeVectors = true }), Throws.TypeOf<NotSupportedException>());
    }

    [Test]
    public async Task PropertiesMayHaveTheirOwnAndVectorsMayBeGiven()
    {
        using var generator = new LetterGenerator(2);
        var definition = new VectorStoreCollectionDefinition
        {
            Properties = [new VectorStoreKeyProperty("Id", typeof(string)), new VectorStoreVectorProperty("Place", typeof(ReadOnlyMemory<float>), 2) { EmbeddingGenerator = generator }],
        };
        var hotels = await MakeAsync<string, Hotel>(Store, definition);
        await hotels.UpsertAsync([new Hotel { Id = "a", Place = new float[] { 1, 0 } }, new Hotel { Id = "b", Place = new float[] { 0, 1 } }]);
        Assert.That(generator.Calls, Is.Empty);
        Assert.That((await hotels.SearchAsync("b", 1).SingleAsync()).Record.Id, Is.EqualTo("b"));
        Assert.That((await hotels.GetAsync("a", new RecordRetrievalOptions { IncludeVectors = true }))!.Place.ToArray(), Is.EqualTo(new float[] { 1, 0 }));
    }

    [Test]
    public async Task TheDatabasesOwnGeneratorEmbedsWhatIsSearchedFor()
    {
        using var folder = new TemporaryFolder();
        using var generator = new LetterGenerator(2);
        await using var database = await VectorDatabase.OpenAsync(new DatabaseOptions { Path = folder["own.abi"] }.WithEmbeddings(generator));
        using var store = database.AsVectorStore();
        var hotels = await MakeAsync<string, Hotel>(store);
        await hotels.UpsertAsync(Hotel.Some);
        Assert.That((await hotels.SearchAsync("bbb", 1).SingleAsync()).Record.Id, Is.EqualTo("c"));
    }

    [Test]
    public async Task AGeneratorThatFailsWritesNothing()
    {
        using var generator = new LetterGenerator { Change = embeddings => embeddings.Take(1) };
        var pages = await MakeAsync<Guid, Page>(StoreWith(generator));
        var page = new Page { Text = "a" };
        Assert.That(() => pages.UpsertAsync([page, new Page { Text = "b" }]), Throws.InvalidOperationException.With.Message.Contains("1 embeddings for 2"));
        Assert.That(await pages.GetAsync(page.Id), Is.Null);
    }

    internal sealed class Page
    {
        [VectorStoreKey]
        public Guid Id { get; set; }

        [VectorStoreData]
        public string? Text { get; set; }

        [VectorStoreVector(26)]
        public string? Embedding => Text;
    }
}
