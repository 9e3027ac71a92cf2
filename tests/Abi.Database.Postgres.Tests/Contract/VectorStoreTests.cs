using Microsoft.Extensions.VectorData;

namespace Abi.Database.Postgres.Tests.Contract;

/// <summary>A store of Microsoft.Extensions.VectorData is the same over either database.</summary>
public sealed class VectorStoreTests
{
    [TestCase(false)]
    [TestCase(true)]
    public async Task RecordsSearchesFiltersAndOrders(bool postgres)
    {
        await using var stores = postgres ? await Stores.PostgresAsync() : await Stores.EmbeddedAsync();
        using var store = stores.Database.AsVectorStore();
        var notes = store.GetCollection<int, Note>("notes");
        var missing = Assert.ThrowsAsync<VectorStoreException>(() => notes.GetAsync(1));
        Assert.That((missing!.CollectionName, missing.OperationName), Is.EqualTo(("notes", "Get")));
        await notes.EnsureCollectionExistsAsync();
        await notes.UpsertAsync(
        [
            new() { Id = 1, Text = "a cat", Stars = 4, Tags = ["pets"], Written = new DateTime(2026, 11, 29, 1, 2, 3, DateTimeKind.Utc), Place = new float[] { 1, 0 } },
            new() { Id = 2, Text = "a dog", Stars = 2, Place = new float[] { 0, 1 } },
            new() { Id = 3, Text = "a wolf", Tags = ["forest", "night"], Place = new float[] { 0.6f, 0.8f } },
        ]);
        var one = await notes.GetAsync(1, new RecordRetrievalOptions { IncludeVectors = true });
        Assert.That((one!.Text, one.Stars, one.Written, one.Place.Length), Is.EqualTo(("a cat", (int?)4, new DateTime(2026, 11, 29, 1, 2, 3, DateTimeKind.Utc), 2)));

        string[] wanted = ["night", "pets"];
        var found = await notes.SearchAsync(new float[] { 1, 0 }, 5, new VectorSearchOptions<Note> { Filter = note => note.Tags!.Any(tag => wanted.Contains(tag)), ScoreThreshold = 0.5 }).ToListAsync();
        Assert.That(found.Select(it => it.Record.Id), Is.EqualTo([1, 3]));
        Assert.That(found[1].Score, Is.EqualTo(0.4).Within(1e-6), "cosine distance");
        Assert.That(await notes.GetAsync(note => note.Stars != 2, 5, new() { OrderBy = by => by.Descending(note => note.Id) }).Select(note => note.Id).ToListAsync(), Is.EqualTo([3, 1]));
        Assert.That((await ((IKeywordHybridSearchable<Note>)notes).HybridSearchAsync(new float[] { 0, 1 }, ["wolf"], 1).SingleAsync()).Record.Id, Is.EqualTo(3));
        await notes.DeleteAsync([1, 9]);
        Assert.That(await notes.GetAsync(1), Is.Null);
        await notes.EnsureCollectionDeletedAsync();
        Assert.That(await store.ListCollectionNamesAsync().ToListAsync(), Is.Empty);
    }

    private sealed class Note
    {
        [VectorStoreKey]
        public int Id { get; set; }

        [VectorStoreData(IsFullTextIndexed = true)]
        public string? Text { get; set; }

        [VectorStoreData(IsIndexed = true)]
        public int? Stars { get; set; }

        [VectorStoreData(IsIndexed = true)]
        public List<string>? Tags { get; set; }

        [VectorStoreData]
        public DateTime Written { get; set; }

        [VectorStoreVector(2, DistanceFunction = Microsoft.Extensions.VectorData.DistanceFunction.CosineDistance)]
        public ReadOnlyMemory<float> Place { get; set; }
    }
}
