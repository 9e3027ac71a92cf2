using System.Linq.Expressions;
using Microsoft.Extensions.AI;
using Microsoft.Extensions.VectorData;
using Names = Microsoft.Extensions.VectorData.DistanceFunction;

namespace Abi.Database.VectorData.Tests;

/// <summary>Searches by vectors and words, filters, and lists in an order.</summary>
public sealed class SearchTests : StoreFixture
{
    // Of (3, 4) beside (1, 0) and (0, 2): worked out by hand.
    [TestCase(null, 0.6, 0.8)]
    [TestCase(Names.CosineSimilarity, 0.6, 0.8)]
    [TestCase(Names.CosineDistance, 0.4, 0.2)]
    [TestCase(Names.DotProductSimilarity, 3, 8)]
    [TestCase(Names.NegativeDotProductSimilarity, -3, -8)]
    [TestCase(Names.EuclideanSquaredDistance, 20, 13)]
    [TestCase(Names.EuclideanDistance, 4.47213595, 3.60555128)]
    public async Task ScoresAreThoseOfTheFunctionAndTheThresholdIsKept(string? function, double one, double two)
    {
        var things = Store.GetDynamicCollection("things", new VectorStoreCollectionDefinition
        {
            Properties = [new VectorStoreKeyProperty("Id", typeof(string)), new VectorStoreVectorProperty("V", typeof(float[]), 2) { DistanceFunction = function }],
        });
        await things.EnsureCollectionExistsAsync();
        await things.UpsertAsync([new() { ["Id"] = "one", ["V"] = new float[] { 1, 0 } }, new() { ["Id"] = "two", ["V"] = new float[] { 0, 2 } }]);
        var found = await things.SearchAsync(new float[] { 3, 4 }, 5).ToListAsync();
        Assert.That(found.Select(it => it.Record["Id"]), Is.EqualTo(["two", "one"]));
        Assert.That((double)found[0].Score!, Is.EqualTo(two).Within(1e-6));
        Assert.That((double)found[1].Score!, Is.EqualTo(one).Within(1e-6));

        foreach (var (threshold, count) in new[] { ((one + two) / 2, 1), (one + ((one - two) / 100), 2), (two - ((one - two) / 100), 0) })
        {
            Assert.That(await things.SearchAsync(new float[] { 3, 4 }, 5, new VectorSearchOptions<Dictionary<string, object?>> { ScoreThreshold = threshold }).CountAsync(), Is.EqualTo(count), $"threshold {threshold}");
        }
    }

    [Test]
    public async Task SkipTopVectorsAndFormsOfTheVector()
    {
        var hotels = await MakeAsync<string, Hotel>(Store);
        await hotels.UpsertAsync(Hotel.Some);
        foreach (var found in new[]
        {
            await hotels.SearchAsync(new ReadOnlyMemory<float>([1, 0]), 2, new VectorSearchOptions<Hotel> { Skip = 1 }).ToListAsync(),
            await hotels.SearchAsync(new Embedding<float>(new float[] { 1, 0 }), 2, new VectorSearchOptions<Hotel> { Skip = 1, VectorProperty = hotel => hotel.Place }).ToListAsync(),
        })
        {
            Assert.That(found.Select(it => it.Record.Id), Is.EqualTo(["b", "c"]));
            Assert.That(found[0].Record.Place.IsEmpty);
        }

        var nearest = await hotels.SearchAsync(new float[] { 1, 0 }, 1, new VectorSearchOptions<Hotel> { IncludeVectors = true }).SingleAsync();
        Assert.That(nearest.Record.Place.ToArray(), Is.EqualTo(new float[] { 1, 0 }));
        Assert.That(nearest.Record.Unmapped, Is.EqualTo("kept out"));
        Assert.That(() => hotels.SearchAsync(new float[] { 1, 0 }, 0).ToListAsync().AsTask(), Throws.InstanceOf<ArgumentOutOfRangeException>());
        Assert.That(() => hotels.SearchAsync(ReadOnlyMemory<float>.Empty, 1).ToListAsync().AsTask(), Throws.ArgumentException.With.Message.Contains("no elements"));
        Assert.That(() => hotels.SearchAsync(new float[] { 1, 0, 0 }, 1).ToListAsync().AsTask(), Throws.ArgumentException.With.Message.Contains("3 elements"));
        Assert.That(() => hotels.SearchAsync(5, 1).ToListAsync().AsTask(), Throws.InvalidOperationException.With.Message.Contains("type 'int'"));
        Assert.That(() => hotels.SearchAsync("text", 1).ToListAsync().AsTask(), Throws.TypeOf<VectorStoreException>().With.Message.Contains("embedding generator"), "nothing embeds it");
        using var cancelled = new CancellationTokenSource();
        await cancelled.CancelAsync();
        Assert.That(() => hotels.SearchAsync(new float[] { 1, 0 }, 1, null, cancelled.Token).ToListAsync(CancellationToken.None).AsTask(), Throws.InstanceOf<OperationCanceledException>());
    }

    [Test]
    public async Task ConditionsFindWhatTheySay()
    {
        var hotels = await MakeAsync<string, Hotel>(Store);
        await hotels.UpsertAsync(Hotel.Some);
        string[] wanted = ["hill", "boats"];
        List<int> stars = [1, 5];
        var isOpen = true;
        foreach (var condition in (Expression<Func<Hotel, bool>>[])
            [
                hotel => hotel.Stars >= 3 && hotel.IsOpen,
                hotel => !(hotel.Name == "Sea") || hotel.Stars == 5,
                hotel => hotel.Name == null,
                hotel => hotel.Rooms != null && hotel.Rooms.Value > 5,
                hotel => hotel.Rooms.HasValue,
                hotel => hotel.Tags!.Contains("sea"),
                hotel => hotel.Tags!.Any(tag => wanted.Contains(tag)),
                hotel => stars.Contains(hotel.Stars),
                hotel => true,
                hotel => false,
                hotel => isOpen && hotel.Stars > 1,
            ])
        {
            var expected = Hotel.Some.Where(hotel => hotel.Tags is not null || !condition.ToString().Contains("Tags", StringComparison.Ordinal)).Where(condition.Compile()).Select(hotel => hotel.Id);
            Assert.That((await hotels.GetAsync(condition, 10).ToListAsync()).Select(hotel => hotel.Id), Is.EquivalentTo(expected), condition.ToString());
            Assert.That(
                (await hotels.SearchAsync(new float[] { 1, 0 }, 10, new VectorSearchOptions<Hotel> { Filter = condition }).ToListAsync()).Select(found => found.Record.Id), Is.EquivalentTo(expected), condition.ToString());
        }

        Assert.That(() => hotels.GetAsync(hotel => hotel.Name!.Length > 3, 1), Throws.TypeOf<NotSupportedException>().With.Message.Contains("cannot become a filter"));
        Assert.That(() => hotels.GetAsync(hotel => hotel.Unmapped == "x", 1), Throws.TypeOf<NotSupportedException>().With.Message.Contains("'Unmapped' is no field"));
        Assert.That(() => hotels.GetAsync(hotel => hotel.Description == "x", 1).ToListAsync().AsTask(), Throws.ArgumentException.With.Message.Contains("not indexed"));
    }

    [Test]
    public async Task ListsAreInTheirOrder()
    {
        var hotels = await MakeAsync<string, Hotel>(Store);
        await hotels.UpsertAsync(Hotel.Some);
        Assert.That(await Ids(new() { OrderBy = by => by.Descending(hotel => hotel.Stars).Ascending(hotel => hotel.Name) }), Is.EqualTo(["b", "c", "a", "d"]));
        Assert.That(await Ids(new() { OrderBy = by => by.Ascending(hotel => hotel.Name), Skip = 1 }, 2), Is.EqualTo(["b", "c"]), "nothing comes first");
        Assert.That(await Ids(new() { OrderBy = by => by.Descending(hotel => hotel.Id) }), Is.EqualTo(["d", "c", "b", "a"]));
        var withVectors = await hotels.GetAsync(hotel => hotel.Stars > 1, 1, new() { OrderBy = by => by.Descending(hotel => hotel.Rooms), IncludeVectors = true }).SingleAsync();
        Assert.That((withVectors.Id, withVectors.Place.Length), Is.EqualTo(("a", 2)));
        Assert.That(await hotels.GetAsync(hotel => true, 3, new() { Skip = 2 }).CountAsync(), Is.EqualTo(2));
        Assert.That(() => hotels.GetAsync(hotel => true, 1, new() { OrderBy = by => by.Ascending(hotel => hotel.Tags) }), Throws.TypeOf<NotSupportedException>().With.Message.Contains("'Tags'"));
        Assert.That(() => hotels.GetAsync(hotel => true, 1, new() { OrderBy = by => by.Ascending(hotel => hotel.Place) }), Throws.TypeOf<NotSupportedException>().With.Message.Contains("'Place'"));

        async Task<List<string>> Ids(FilteredRecordRetrievalOptions<Hotel> options, int top = 10) => await hotels.GetAsync(hotel => true, top, options).Select(hotel => hotel.Id).ToListAsync();
    }

    [Test]
    public async Task HybridSearchesLookForBoth()
    {
        var hotels = await MakeAsync<string, Hotel>(Store);
        await hotels.UpsertAsync(Hotel.Some);
        var searchable = (IKeywordHybridSearchable<Hotel>)hotels;
        var found = await searchable.HybridSearchAsync(new float[] { 1, 0 }, ["wolves", "quiet"], 3).ToListAsync();
        Assert.That(found.Select(it => it.Record.Id), Is.EqualTo(["b", "a", "c"]));
        Assert.That(found[0].Score, Is.EqualTo((1.0 / 62) + (1.0 / 61)).Within(1e-12), "second by its place, first by words");
        Assert.That(found[1].Score, Is.EqualTo(1.0 / 61).Within(1e-12));
        var some = await searchable.HybridSearchAsync(new float[] { 1, 0 }, ["beer"], 3, new HybridSearchOptions<Hotel> { Filter = hotel => hotel.IsOpen, AdditionalProperty = hotel => hotel.Description, ScoreThreshold = found[0].Score / 100, Skip = 1 }).ToListAsync();
        Assert.That(some, Has.Count.EqualTo(1));
        Assert.That(await searchable.HybridSearchAsync(new float[] { 1, 0 }, ["beer"], 3, new HybridSearchOptions<Hotel> { ScoreThreshold = 1 }).CountAsync(), Is.Zero);
        Assert.That(() => searchable.HybridSearchAsync(new float[] { 1, 0 }, ["beer"], 3, new HybridSearchOptions<Hotel> { AdditionalProperty = hotel => hotel.Name }).ToListAsync().AsTask(), Throws.InvalidOperationException.With.Message.Contains("full text"));
        Assert.That((await searchable.HybridSearchAsync(new float[] { 1, 0 }, [], 1).SingleAsync()).Record.Id, Is.EqualTo("a"), "by its place alone");
    }
}
