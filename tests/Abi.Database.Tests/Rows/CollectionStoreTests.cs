namespace Abi.Database.Tests.Rows;

/// <summary>Slots of records that were replaced are taken out of the graph by the work in the background, and used again.</summary>
public sealed class CollectionStoreTests
{
    [Test]
    public async Task SlotsOfReplacedRecordsAreUsedAgain()
    {
        const int Records = 2000, Rounds = 20, Replaced = 100;
        using var folder = new TemporaryFolder();
        await using var database = await VectorDatabase.OpenAsync(new DatabaseOptions { Path = folder["db"], Durability = Durability.Os });
        var collection = database.GetDynamicCollection("c", new CollectionDefinition { Key = KeyKind.Integer, Vectors = [new VectorField("v", 16) { IndexKind = IndexKind.Hnsw }] });
        await collection.EnsureCollectionExistsAsync();
        var random = new Random(3);
        var vectors = new float[Records][];
        async Task Write(int key)
        {
            vectors[key] = [.. Enumerable.Range(0, 16).Select(_ => random.NextSingle() - 0.5f)];
            await collection.UpsertAsync(new Dictionary<string, object?> { ["Key"] = (long)key, ["v"] = vectors[key] });
        }

        for (var key = 0; key < Records; key++)
        {
            await Write(key);
        }

        await database.WaitForIndexAsync();
        for (var round = 0; round < Rounds; round++)
        {
            for (var i = 0; i < Replaced; i++)
            {
                await Write(random.Next(Records));
            }

            await database.WaitForIndexAsync();
        }

        // A twentieth of the slots may be deleted before they are taken out, and a round comes on top, and one more before they are given back.
        Assert.That(database.Engine.Find("c")!.Store.View.Slots, Is.LessThanOrEqualTo(Records + (Records / 20) + (2 * Replaced)));
        Assert.That(Enumerable.Range(0, Records).Count(key => (long)collection.SearchKeys(vectors[key], 1)[0].Key == key), Is.GreaterThan(Records * 0.99));
    }
}
