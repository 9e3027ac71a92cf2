namespace Abi.Database.Tests.Indexes;

/// <summary>Searches where the nearest were deleted and are still in the graph.</summary>
[Parallelizable]
public sealed class DeletedNeighboursTests : WordsFixture
{
    /// <summary>A walk that meets nothing but deleted records has not found the nearest, even when others wait for the graph that are as many as are wanted.</summary>
    [Test]
    public async Task WhatWaitsForTheGraphDoesNotStandForWhatIsInIt()
    {
        const int Words = 10_000;
        const int Deleted = 300; // more than a walk keeps, fewer than are taken out of the graph
        using var folder = new TemporaryFolder();
        await using var database = await VectorDatabase.OpenAsync(new DatabaseOptions { Path = folder["words"], Durability = Durability.Os });
        var words = await FillAsync(database, new VectorField("v", 100) { IndexKind = IndexKind.Hnsw }, Words);
        var query = QueryVectors.AsMemory(0, 100);
        await words.DeleteAsync(words.SearchKeys(query.Span, Deleted, new VectorSearchOptions { IsExact = true }).Select(match => match.Key));
        var nearest = words.SearchKeys(query.Span, 10, new VectorSearchOptions { IsExact = true }).Select(match => match.Key).ToList();
        database.Engine.Find("words")!.Store.Vectors[0].WithStillGraph(() =>
        {
            var opposite = query.ToArray().Select(x => -x).ToArray();
            words.UpsertAsync(Enumerable.Range(Words, 20).Select(row => new Dictionary<string, object?>(Record(row), StringComparer.Ordinal) { ["v"] = opposite })).GetAwaiter().GetResult();
            Assert.That(words.SearchKeys(query.Span, 10).Select(match => match.Key), Is.EqualTo(nearest));
        });
    }
}
