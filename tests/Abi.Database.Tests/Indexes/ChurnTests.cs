namespace Abi.Database.Tests.Indexes;

/// <summary>Churn on real word vectors: promise 10.</summary>
[Parallelizable]
public sealed class ChurnTests : WordsFixture
{
    [Test]
    public async Task DeletingAndAddingHalfAgainAndAgainKeepsRecallAndSlots()
    {
        const int Part = 10_000;
        var narrow = new VectorSearchOptions { Effort = 48 };
        using var folder = new TemporaryFolder();
        await using var database = await VectorDatabase.OpenAsync(folder["words"]);
        var words = await FillAsync(database, new VectorField("v", 100) { IndexKind = IndexKind.Hnsw }, Part);
        var random = new Random(10);
        var nearest = Exact(words, narrow);
        var before = Recall(words, narrow, nearest);
        var slots = Slots();
        for (var round = 0; round < 5; round++)
        {
            var half = Enumerable.Range(0, Part).OrderBy(_ => random.Next()).Take(Part / 2).ToList();
            await words.DeleteAsync(half.Select(key => (object)(long)key));
            await words.UpsertAsync(half.Select(Record));
            await database.WaitForIndexAsync();
        }

        var after = Recall(words, narrow, nearest);
        TestContext.Out.WriteLine($"recall {before:f4} -> {after:f4}, slots {slots} -> {Slots()}");
        Assert.That(after, Is.GreaterThan(before - 0.01));
        Assert.That(Slots(), Is.LessThanOrEqualTo(slots * 1.1));

        int Slots() => database.Engine.Find("words")!.Store.View.Slots;
    }
}
