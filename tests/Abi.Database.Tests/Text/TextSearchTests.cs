using Abi.Testing;

namespace Abi.Database.Tests.Text;

/// <summary>BM25 and hybrid search, against BM25 written out anew from its formula.</summary>
[Parallelizable]
public sealed class TextSearchTests
{
    private static readonly CollectionDefinition Definition = new()
    {
        Key = KeyKind.Integer,
        Data = [new DataField("text", DataKind.Text) { IsFullTextIndexed = true }, new DataField("title", DataKind.Text) { IsFullTextIndexed = true, Boost = 2 }, new DataField("part", DataKind.Integer) { IsIndexed = true }],
        Vectors = [new VectorField("v", 2) { DistanceFunction = DistanceFunction.EuclideanSquaredDistance }],
    };

    [Test]
    public async Task RanksAsTheFormulaDoes()
    {
        using var folder = new TemporaryFolder();
        await using var database = await VectorDatabase.OpenAsync(folder["db"]);
        var collection = database.GetDynamicCollection("c", Definition);
        await collection.EnsureCollectionExistsAsync();
        var random = new Random(3);
        string[] vocabulary = [.. Enumerable.Range(0, 60).Select(i => $"word{i}")];
        string Text(int most) => string.Join(", ", Enumerable.Range(0, random.Next(1, most)).Select(_ => vocabulary[(int)(60 * random.NextDouble() * random.NextDouble())]));
        var model = new Dictionary<long, (string? Text, string? Title)>();
        for (var round = 0; round < 6; round++)
        {
            List<Dictionary<string, object?>> batch = [];
            for (var i = 0; i < 80; i++)
            {
                var key = (long)random.Next(250);
                model[key] = (Text(60), Text(6));
                batch.Add(new() { ["Key"] = key, ["text"] = model[key].Text, ["title"] = model[key].Title, ["part"] = key % 3 });
            }

            await collection.UpsertAsync(batch);
            foreach (var key in model.Keys.Where(_ => random.Next(5) == 0).ToList())
            {
                model.Remove(key);
                await collection.DeleteAsync(key);
            }

            if (round == 3)
            {
                await database.CompactAsync();
            }

            for (var i = 0; i < 20; i++)
            {
                var query = Text(4);
                var filter = random.Next(2) == 0 ? Filter.Equal("part", 1) : null;
                var expected = Reference(model, query).Where(item => filter is null || item.Key % 3 == 1).ToDictionary();
                var found = new List<(long Key, double Score)>();
                await foreach (var result in collection.SearchTextAsync(query, 1000, new TextSearchOptions { Filter = filter }))
                {
                    found.Add(((long)result.Record["Key"]!, result.Score));
                }

                Assert.That(found.Select(item => item.Key), Is.EquivalentTo(expected.Keys), query);
                Assert.That(found.Select(item => item.Score), Is.EqualTo(expected.Values.OrderDescending()).Within(1e-9));
                Assert.That(found.All(item => Math.Abs(item.Score - expected[item.Key]) < 1e-9));
            }
        }
    }

    [Test]
    public async Task FindsStoriesByTheirWords()
    {
        var path = Fixtures.TryPath("stories") is { } folderOfStories && Directory.Exists(folderOfStories) ? Directory.GetFiles(folderOfStories, "*.txt", SearchOption.AllDirectories).FirstOrDefault() : null;
        string[] texts = path is null
            ? ["Once upon a time there was a little dog.", "The cat sat on the mat; the cat was happy.", "A dog and a cat became friends."]
            : [.. File.ReadAllText(path).Split("<|endoftext|>", StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries).Take(300)];
        using var folder = new TemporaryFolder();
        await using var database = await VectorDatabase.OpenAsync(folder["db"]);
        var collection = database.GetDynamicCollection("c", Definition);
        await collection.EnsureCollectionExistsAsync();
        await collection.UpsertAsync(texts.Select((text, i) => new Dictionary<string, object?> { ["Key"] = i, ["text"] = text }));
        var expected = Reference(texts.Index().ToDictionary(item => (long)item.Index, item => ((string?)item.Item, (string?)null)), "dog and cat");
        List<double> scores = [];
        await foreach (var result in collection.SearchTextAsync("dog and cat", 1000))
        {
            scores.Add(result.Score);
        }

        Assert.That(scores, Is.EqualTo(expected.Values.OrderDescending()).Within(1e-9));
    }

    [Test]
    public async Task FusesByRankAndByScore()
    {
        using var folder = new TemporaryFolder();
        await using var database = await VectorDatabase.OpenAsync(folder["db"]);
        var collection = database.GetDynamicCollection("c", Definition);
        await collection.EnsureCollectionExistsAsync();
        await collection.UpsertAsync(
        [
            new() { ["Key"] = 1, ["text"] = "apple", ["v"] = new float[] { 0, 0 } },
            new() { ["Key"] = 2, ["text"] = "apple pie with many other words", ["v"] = new float[] { 1, 0 } },
            new() { ["Key"] = 3, ["text"] = "pear", ["v"] = new float[] { 2, 0 } },
            new() { ["Key"] = 4, ["text"] = "apple tart" },
        ]);
        List<HybridSearchResult<Dictionary<string, object?>>> found = [];
        await foreach (var result in collection.HybridSearchAsync(new float[] { 0, 0 }, "apple", 10))
        {
            found.Add(result);
        }

        // By vector 1, 2, 3; by words 1, 4, 2 (shorter texts first).
        Assert.That(found.Select(item => item.Record["Key"]), Is.EqualTo(new object[] { 1L, 2L, 4L, 3L }));
        Assert.That(found[0].Score, Is.EqualTo((1 / 61.0) + (1 / 61.0)).Within(1e-12));
        Assert.That(found[1].Score, Is.EqualTo((1 / 62.0) + (1 / 63.0)).Within(1e-12));
        Assert.That(found[2].VectorScore, Is.Null);
        Assert.That(found[3].TextScore, Is.Null);
        found.Clear();
        await foreach (var result in collection.HybridSearchAsync(new float[] { 2, 0 }, "apple", 2, new HybridSearchOptions { Fusion = HybridFusion.WeightedScores, VectorWeight = 10 }))
        {
            found.Add(result);
        }

        Assert.That(found.Select(item => item.Record["Key"]), Is.EqualTo(new object[] { 3L, 2L }));
    }

    [TestCase("The quick, brown FOX's den", new[] { "the", "quick", "brown", "fox's", "den" })]
    [TestCase("Ünïcödé ΣΊΣΥΦΟΣ Straße 42", new[] { "ünïcödé", "σίσυφοσ", "straße", "42" })]
    [TestCase("東京タワー and 1990年", new[] { "東", "京", "タワー", "and", "1990", "年" })]
    [TestCase("e\u0301 a\ud800b 👍 … x²", new[] { "é", "a", "b", "x", "²" })]
    [TestCase("", new string[0])]
    public void CutsIntoWords(string text, string[] words) => Assert.That(Abi.Database.Text.Tokenizer.Words(text), Is.EqualTo(words));

    private static Dictionary<long, double> Reference(Dictionary<long, (string? Text, string? Title)> documents, string query)
    {
        var scores = new Dictionary<long, double>();
        foreach (var (boost, field) in new (double, Func<(string? Text, string? Title), string?>)[] { (1, item => item.Text), (2, item => item.Title) })
        {
            var words = documents.Where(item => field(item.Value) is not null).ToDictionary(item => item.Key, item => Split(field(item.Value)!));
            if (words.Count == 0)
            {
                continue;
            }

            var average = words.Values.Average(list => (double)list.Length);
            foreach (var word in Split(query).Distinct())
            {
                var having = words.Count(item => item.Value.Contains(word));
                var idf = Math.Log(1 + ((words.Count - having + 0.5) / (having + 0.5)));
                foreach (var (key, list) in words.Where(item => item.Value.Contains(word)))
                {
                    var frequency = (double)list.Count(other => other == word);
                    scores[key] = scores.GetValueOrDefault(key) + (boost * idf * frequency * 2.2 / (frequency + (1.2 * (0.25 + (0.75 * list.Length / average)))));
                }
            }
        }

        return scores;
    }

    private static string[] Split(string text) => [.. System.Text.RegularExpressions.Regex.Matches(text, @"[\p{L}\p{N}\p{M}]+(['’]\p{L}+)*").Select(match => match.Value.ToLowerInvariant().Replace('’', '\''))];
}
