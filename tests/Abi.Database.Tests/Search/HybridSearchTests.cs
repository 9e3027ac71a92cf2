using Abi.Database.Engine;
using Abi.Database.Tests.Storage;

namespace Abi.Database.Tests.Search;

/// <summary>What a search by vector and words makes of its options: each counts for both lists.</summary>
public sealed class HybridSearchTests : IDisposable
{
    private const int Records = 20;

    private VectorDatabase? _database;

    private VectorCollection<object, Dictionary<string, object?>> Collection => _database!.GetDynamicCollection("c");

    // By vector 0, 1, 2 …; by the words of the text, which get fewer, the other way round.
    [OneTimeSetUp]
    public async Task Fill()
    {
        _database = new VectorDatabase(new DatabaseEngine(new MemoryStorage(), History.Options()));
        var collection = _database.GetDynamicCollection("c", new CollectionDefinition
        {
            Key = KeyKind.Integer,
            Data = [new DataField("n", DataKind.Integer) { IsIndexed = true }, new DataField("text", DataKind.Text) { IsFullTextIndexed = true }, new DataField("title", DataKind.Text) { IsFullTextIndexed = true }],
            Vectors = [new VectorField("v", 1) { DistanceFunction = DistanceFunction.EuclideanSquaredDistance }],
        });
        await collection.EnsureCollectionExistsAsync();
        await collection.UpsertAsync(Enumerable.Range(0, Records).Select(i => new Dictionary<string, object?>
        {
            ["Key"] = (long)i, ["n"] = (long)i, ["text"] = "apple" + string.Concat(Enumerable.Repeat(" other", Records - i)), ["title"] = i == 4 ? "apple" : "pear", ["v"] = new float[] { i },
        }));
    }

    public void Dispose() => _database?.Dispose();

    [Test]
    public async Task AFilterCountsForBothLists()
    {
        var found = await FindAsync(50, new HybridSearchOptions { Filter = Filter.And(Filter.GreaterThan("n", 5), Filter.LessThan("n", 9)), TextFields = ["text"] });
        Assert.That(found.Select(Key), Is.EquivalentTo((long[])[6, 7, 8]));
        Assert.That(found.All(item => item is { VectorScore: not null, TextScore: not null }));
    }

    [Test]
    public async Task SomeAreSkippedAndListsAreAsLongAsNeeded([Values(1, 5, null)] int? candidates)
    {
        var options = new HybridSearchOptions { TextFields = ["text"], Candidates = candidates };
        var all = await FindAsync(6, options);
        Assert.That(all.Select(Key), Is.EqualTo((long[])[0, 19, 1, 18, 2, 17]));
        Assert.That(all.Select(item => item is { VectorScore: not null, TextScore: not null }), Is.All.EqualTo(candidates is null), "lists of 50, or of no more than is wanted");
        var rest = await FindAsync(4, options with { Skip = 2 });
        Assert.That(rest.Select(Key), Is.EqualTo(all.Skip(2).Select(Key)));
    }

    [Test]
    public async Task WordsAreSearchedForInTheFieldsAndByTheScoringThatAreGiven()
    {
        var byTitle = await FindAsync(50, new HybridSearchOptions { TextFields = ["title"] });
        Assert.That(byTitle.Where(item => item.TextScore is not null).Select(Key), Is.EqualTo((long[])[4]));

        // Without a weight of lengths all texts are worth the same.
        var byFrequency = await FindAsync(50, new HybridSearchOptions { TextFields = ["text"], TextScoring = TextScoring.Usual with { B = 0 } });
        Assert.That(byFrequency.Select(item => item.TextScore).Distinct().Count(), Is.EqualTo(1));
    }

    /// <summary>By scores the nearest is best, the farthest of the list worst.</summary>
    [Test]
    public async Task ADistanceIsBestWhereItIsLeast()
    {
        var found = await FindAsync(Records, new HybridSearchOptions { Fusion = HybridFusion.WeightedScores, TextWeight = 0 });
        Assert.That(found.Select(item => item.Score), Is.EqualTo(Enumerable.Range(0, Records).Select(i => 1 - (i * i / (double)((Records - 1) * (Records - 1))))).Within(1e-6));
    }

    /// <summary>A score that is no number has no place in an order.</summary>
    [Test]
    public void NumbersThatAreNoneAreRefused([Values(double.NaN, double.PositiveInfinity, -1)] double number)
    {
        Assert.ThrowsAsync<ArgumentException>(() => FindAsync(1, new HybridSearchOptions { RankConstant = number }));
        Assert.ThrowsAsync<ArgumentException>(() => FindAsync(1, new HybridSearchOptions { VectorWeight = number }));
        Assert.ThrowsAsync<ArgumentException>(() => FindAsync(1, new HybridSearchOptions { TextWeight = number }));
    }

    [Test]
    public async Task MoreMayBeSkippedThanThereAre([Values(Records, int.MaxValue - 4, int.MaxValue)] int skip)
    {
        Assert.That(await FindAsync(5, new HybridSearchOptions { Skip = skip }), Is.Empty);
        Assert.That(Collection.SearchKeys([0f], 5, new VectorSearchOptions { Skip = skip }), Is.Empty);
        Assert.That(await Collection.SearchTextAsync("apple", 5, new TextSearchOptions { Skip = skip }).ToListAsync(), Is.Empty);
    }

    [Test]
    public async Task VectorsComeWhenTheyAreAskedFor([Values] bool isAsked) =>
        Assert.That((await FindAsync(1, new HybridSearchOptions { IncludeVectors = isAsked }))[0].Record.ContainsKey("v"), Is.EqualTo(isAsked));

    private static long Key(HybridSearchResult<Dictionary<string, object?>> result) => (long)result.Record["Key"]!;

    private async Task<List<HybridSearchResult<Dictionary<string, object?>>>> FindAsync(int top, HybridSearchOptions options) =>
        await Collection.HybridSearchAsync(new float[] { 0 }, "apple", top, options).ToListAsync();
}
