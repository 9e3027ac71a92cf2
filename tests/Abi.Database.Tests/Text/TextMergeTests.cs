using System.Globalization;
using Abi.Database.Engine;
using Abi.Database.Tests.Storage;

namespace Abi.Database.Tests.Text;

/// <summary>Words that a merge takes over from the old index, against an index that is made anew from the texts.</summary>
[Parallelizable]
public sealed class TextMergeTests
{
    private const int Keys = 300; // so many that lists have outdated occurrences and slots are used again

    private static readonly string[] Words = [.. Enumerable.Range(0, 40).Select(i => string.Create(CultureInfo.InvariantCulture, $"{(char)('a' + (i % 7))}word{i}"))];

    private static readonly CollectionDefinition Definition = new()
    {
        Key = KeyKind.Integer,
        Data = [new DataField("title", DataKind.Text) { IsFullTextIndexed = true, Boost = 2 }, new DataField("number", DataKind.Integer), new DataField("text", DataKind.Text) { IsFullTextIndexed = true, Stemming = Stemming.English }],
        Vectors = [new VectorField("v", 2) { IndexKind = IndexKind.Hnsw }],
    };

    [Test]
    public async Task MergedEqualsIndexedAnew([Range(1, 8)] int seed, [Values] bool isWrittenMeanwhile)
    {
        var (disk, random) = (new MemoryStorage(), new Random(seed));
        using var database = new VectorDatabase(new DatabaseEngine(disk, History.Options(Durability.Os)));
        var collection = database.GetDynamicCollection("c", Definition);
        await collection.EnsureCollectionExistsAsync();
        for (var round = 0; round < 3; round++)
        {
            for (var i = 0; i < 60; i++)
            {
                await ChangeAsync(collection, random);
            }

            if (isWrittenMeanwhile)
            {
                var compacting = database.CompactAsync();
                do
                {
                    await ChangeAsync(collection, random);
                }
                while (!compacting.IsCompleted);
                await compacting;
            }
            else
            {
                await database.CompactAsync();
            }

            using var again = new VectorDatabase(new DatabaseEngine(MemoryStorage.Of(disk.Files()), History.Options()));
            var anew = again.GetDynamicCollection("c");
            Assert.That(await anew.CountAsync(), Is.EqualTo(await collection.CountAsync()).And.GreaterThan(20));
            foreach (var query in Queries())
            {
                var (merged, expected) = (await FoundAsync(collection, query), await FoundAsync(anew, query));
                Assert.That(merged, Is.EquivalentTo(expected), $"round {round}: {query}");
            }
        }
    }

    private static IEnumerable<string> Queries() =>
        Words.Concat(Words.Take(20).SelectMany(first => Words.Take(6).Select(second => $"\"{first} {second}\""))).Concat(["a*", "bword*", "\"aword0 b*\"", string.Join(' ', Words)]);

    private static async Task<Dictionary<object, double>> FoundAsync(VectorCollection<object, Dictionary<string, object?>> collection, string query)
    {
        Dictionary<object, double> found = [];
        await foreach (var result in collection.SearchTextAsync(TextQuery.Parse(query), Keys))
        {
            found.Add(result.Record["Key"]!, result.Score);
        }

        return found;
    }

    private static async Task ChangeAsync(VectorCollection<object, Dictionary<string, object?>> collection, Random random)
    {
        if (random.Next(4) == 0)
        {
            await collection.DeleteAsync(Enumerable.Range(0, 10).Select(_ => (object)(long)random.Next(Keys)).Distinct());
            return;
        }

        await collection.UpsertAsync(Enumerable.Range(0, 10).Select(_ => random.Next(Keys)).Distinct().Select(key => new Dictionary<string, object?>
        {
            ["Key"] = (long)key, ["title"] = Text(random, 3), ["number"] = (long)key, ["text"] = Text(random, 40), ["v"] = new float[] { key, 1 },
        }).ToList());
    }

    // Also none, and one without words.
    private static string? Text(Random random, int most) => random.Next(8) switch
    {
        0 => null,
        1 => "- ?",
        _ => string.Join(' ', Enumerable.Range(0, random.Next(1, most + 1)).Select(_ => Words[(int)(Words.Length * Math.Pow(random.NextDouble(), 3))])),
    };
}
