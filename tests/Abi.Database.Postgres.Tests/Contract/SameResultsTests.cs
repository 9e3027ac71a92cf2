using System.Globalization;

namespace Abi.Database.Postgres.Tests.Contract;

/// <summary>The embedded database and PostgreSQL give the same records for the same questions, asked at random.</summary>
public sealed class SameResultsTests
{
    private static readonly string[] Words = ["cat", "cats", "dog", "run", "running", "tall", "tree", "trees", "bridge", "brick", "it's", "naïve", "ΣΊΣΥΦΟΣ", "the", "of", "3.5", "e-mail", "猫", "can't", "connection"];

    [Test]
    public async Task Filters()
    {
        await using var embedded = await Stores.EmbeddedAsync();
        await using var postgres = await Stores.PostgresAsync();
        var definition = new CollectionDefinition { Key = KeyKind.Integer, Data = [.. Enum.GetValues<DataKind>().Select(kind => new DataField($"{kind}", kind) { IsIndexed = true }), new DataField("lon", DataKind.Number) { IsIndexed = true }] };
        var random = new Random(20);
        var records = Enumerable.Range(0, 400).Select(i =>
        {
            var record = new Dictionary<string, object?> { ["Key"] = i };
            foreach (var field in definition.Data)
            {
                record[field.Name] = random.Next(5) == 0 ? null : Value(random, field.Kind, isArray: true);
            }

            return record;
        }).ToList();
        var (a, b) = (embedded.Database.GetDynamicCollection("c", definition), postgres.Database.GetDynamicCollection("c", definition));
        foreach (var collection in new[] { a, b })
        {
            await collection.EnsureCollectionExistsAsync();
            await collection.UpsertAsync(records);
        }

        var (asked, refused, some) = (0, 0, 0);
        for (var i = 0; i < 1_500; i++)
        {
            var filter = Random(random, definition, 0);
            var (left, right) = (await Keys(a, filter), await Keys(b, filter));
            Assert.That(right, Is.EqualTo(left), filter.ToString());
            asked++;
            refused += left is ["refused"] ? 1 : 0;
            some += left.Count is > 1 and < 400 ? 1 : 0;
        }

        await TestContext.Out.WriteLineAsync($"{asked} filters, {refused} refused by both, {some} that select some of the records");
        Assert.That((refused, some), Is.EqualTo((Math.Clamp(refused, 50, 750), Math.Clamp(some, 500, 1_450))), "the filters ask something");
    }

    [Test]
    public async Task Vectors([Values] DistanceFunction function, [Values] VectorElement element, [Values(IndexKind.Flat, IndexKind.Automatic)] IndexKind index)
    {
        if ((element == VectorElement.Binary) != (function == DistanceFunction.HammingDistance))
        {
            return; // the definition is refused
        }

        await using var embedded = await Stores.EmbeddedAsync();
        await using var postgres = await Stores.PostgresAsync();
        var definition = new CollectionDefinition { Key = KeyKind.Integer, Vectors = [new VectorField("v", 21) { DistanceFunction = function, Element = element, IndexKind = index }] };
        var random = new Random(5);
        var records = Enumerable.Range(0, 300).Select(i => new Dictionary<string, object?> { ["Key"] = i, ["v"] = i % 10 == 0 ? null : Vector(random, element) }).ToList();
        var (a, b) = (embedded.Database.GetDynamicCollection("c", definition), postgres.Database.GetDynamicCollection("c", definition));
        foreach (var collection in new[] { a, b })
        {
            await collection.EnsureCollectionExistsAsync();
            await collection.UpsertAsync(records);
        }

        foreach (var record in records)
        {
            Assert.That(Elements((await b.GetAsync(record["Key"]!))!["v"]), Is.EqualTo(Elements((await a.GetAsync(record["Key"]!))!["v"])));
        }

        for (var q = 0; q < 10; q++)
        {
            var query = Vector(random, element);
            var (left, right) = (await a.SearchAsync(query, 25).ToListAsync(), await b.SearchAsync(query, 25).ToListAsync());
            Assert.That(right, Has.Count.EqualTo(25));
            for (var i = 0; i < 25; i++)
            {
                // Equal distances may come in any order.
                Assert.That(right[i].Score, Is.EqualTo(left[i].Score).Within(1e-4 * Math.Max(1, Math.Abs(left[i].Score))));
            }

            var threshold = left[^1].Score;
            var margin = 1e-4 * Math.Max(1, Math.Abs(threshold));
            Assert.That(right.Where(result => Math.Abs(result.Score - threshold) > margin).Select(result => result.Record["Key"]), Is.EquivalentTo(left.Where(result => Math.Abs(result.Score - threshold) > margin).Select(result => result.Record["Key"])));
        }
    }

    [Test]
    public async Task TextQueries()
    {
        await using var embedded = await Stores.EmbeddedAsync();
        await using var postgres = await Stores.PostgresAsync();
        var definition = new CollectionDefinition
        {
            Key = KeyKind.Integer,
            Data = [new DataField("title", DataKind.Text) { IsFullTextIndexed = true, Boost = 2 }, new DataField("text", DataKind.Text) { IsFullTextIndexed = true, Stemming = Stemming.English }, new DataField("n", DataKind.Integer) { IsIndexed = true }],
        };
        var random = new Random(3);
        var records = Enumerable.Range(0, 300).Select(i => new Dictionary<string, object?> { ["Key"] = i, ["title"] = random.Next(4) == 0 ? null : Text(random, 4), ["text"] = random.Next(8) == 0 ? "" : Text(random, 14), ["n"] = i }).ToList();
        var (a, b) = (embedded.Database.GetDynamicCollection("c", definition), postgres.Database.GetDynamicCollection("c", definition));
        foreach (var collection in new[] { a, b })
        {
            await collection.EnsureCollectionExistsAsync();
            await collection.UpsertAsync(records);
        }

        var some = 0;
        for (var i = 0; i < 400; i++)
        {
            var query = Query(random, 0);
            var options = new TextSearchOptions { Filter = Filter.LessThan("n", 250), Highlight = new HighlightOptions() };
            var (left, right) = (await a.SearchTextAsync(query, 300, options).ToListAsync(), await b.SearchTextAsync(query, 300, options).ToListAsync());
            Assert.That(right.Select(result => result.Record["Key"]), Is.EquivalentTo(left.Select(result => result.Record["Key"])), query.ToString());
            Assert.That(right.Select(result => result.Score), Is.Ordered.Descending);
            Assert.That(right.Select(result => result.Score), Is.All.Positive, query.ToString());
            var marks = left.ToDictionary(result => result.Record["Key"]!, result => string.Join('|', result.Highlights.Select(highlight => highlight.Mark("[", "]"))));
            Assert.That(right.Select(result => string.Join('|', result.Highlights.Select(highlight => highlight.Mark("[", "]")))), Is.EqualTo(right.Select(result => marks[result.Record["Key"]!])));
            some += left.Count is > 0 and < 250 ? 1 : 0;
        }

        Assert.That(some, Is.GreaterThan(200), "the queries ask something");

        // What scores look at: how often, in which field, in how long a text.
        await b.UpsertAsync([Record(1_000, "zebra", null), Record(1_001, null, "zebra and zebra"), Record(1_002, null, "zebra"), Record(1_003, null, $"zebra {string.Join(' ', Enumerable.Repeat("other", 200))}")]);
        Assert.That(await b.SearchTextAsync("zebra", 10).Select(result => result.Record["Key"]).ToListAsync(), Is.EqualTo(new object[] { 1_000L, 1_001L, 1_002L, 1_003L }));
        var boosts = new TextScoring().Boosts.Add("title", 0.1);
        Assert.That((await b.SearchTextAsync("zebra", 1, new TextSearchOptions { Scoring = new TextScoring { Boosts = boosts } }).ToListAsync())[0].Record["Key"], Is.EqualTo(1_001L));
        Assert.That(async () => await b.SearchTextAsync(TextQuery.Words("a").In("n"), 1).ToListAsync(), Throws.ArgumentException);

        static Dictionary<string, object?> Record(long key, string? title, string? text) => new() { ["Key"] = key, ["title"] = title, ["text"] = text };
    }

    private static async Task<List<string>> Keys(IVectorCollection<object, Dictionary<string, object?>> collection, Filter filter)
    {
        try
        {
            var keys = await collection.ListAsync(new ListOptions { Filter = filter }).Select(record => (long)record["Key"]!).ToListAsync();
            return [.. keys.Order().Select(key => key.ToString(CultureInfo.InvariantCulture))];
        }
        catch (ArgumentException)
        {
            return ["refused"];
        }
    }

    private static Filter Random(Random random, CollectionDefinition definition, int depth)
    {
        if (depth < 3 && random.Next(3) == 0)
        {
            return random.Next(5) switch
            {
                0 or 1 => Filter.And(Enumerable.Range(0, random.Next(1, 4)).Select(_ => Random(random, definition, depth + 1))),
                2 or 3 => Filter.Or(Enumerable.Range(0, random.Next(4)).Select(_ => Random(random, definition, depth + 1))),
                _ => Filter.Not(Random(random, definition, depth + 1)),
            };
        }

        var field = definition.Data[random.Next(definition.Data.Length)];
        var value = random.Next(12) == 0 ? null : Value(random, random.Next(40) == 0 ? DataKind.Text : field.Kind == DataKind.Integer && random.Next(3) == 0 ? DataKind.Number : field.Kind, isArray: false);
        var isArray = $"{field.Kind}".EndsWith("Array", StringComparison.Ordinal);
        return random.Next(isArray ? 4 : 10) switch
        {
            0 => Filter.Exists(field.Name),
            1 => isArray ? Filter.NotEqual(field.Name, null) : Filter.Equal(field.Name, value),
            2 or 3 when isArray => Filter.Contains(field.Name, value!),
            2 => Filter.NotEqual(field.Name, value),
            3 => Filter.LessThan(field.Name, value!),
            4 => Filter.LessThanOrEqual(field.Name, value!),
            5 => Filter.GreaterThan(field.Name, value!),
            6 => Filter.GreaterThanOrEqual(field.Name, value!),
            7 => Filter.In(field.Name, Enumerable.Range(0, random.Next(4)).Select(_ => Value(random, field.Kind, isArray: false))),
            8 => field.Kind == DataKind.Text ? random.Next(2) == 0 ? Filter.StartsWith(field.Name, (string)(value as string ?? "")) : Filter.Contains(field.Name, value as string ?? "a") : Filter.Equal(field.Name, value),
            _ => Filter.WithinRadius("Number", "lon", (random.NextDouble() * 180) - 90, (random.NextDouble() * 360) - 180, random.NextDouble() * 2e7),
        };
    }

    private static object Value(Random random, DataKind kind, bool isArray) => kind switch
    {
        DataKind.Boolean => random.Next(2) == 0,
        DataKind.Integer => random.Next(8) == 0 ? random.Next(2) == 0 ? long.MaxValue : long.MinValue : random.Next(-5, 5),
        DataKind.Number => random.Next(10) switch { 0 => double.NaN, 1 => double.PositiveInfinity, 2 => double.NegativeInfinity, 3 => -0.0, 4 => 9.3e18, 5 => random.Next(-5, 5), _ => (random.NextDouble() * 20) - 10 },
        DataKind.Text => string.Concat(Enumerable.Range(0, random.Next(4)).Select(_ => "ab%_\\'é"[random.Next(7)])),
        DataKind.Date => new DateTimeOffset(2026, 1, random.Next(1, 10), 0, 0, 0, TimeSpan.FromHours(random.Next(-3, 3))),
        DataKind.IntegerArray => isArray ? Enumerable.Range(0, random.Next(4)).Select(_ => (long)random.Next(-3, 3)).ToArray() : random.Next(-3, 3),
        DataKind.NumberArray => isArray ? Enumerable.Range(0, random.Next(4)).Select(_ => random.Next(5) == 0 ? double.NaN : random.Next(-3, 3)).ToArray() : random.Next(5) == 0 ? double.NaN : random.Next(-3, 3),
        _ => isArray ? Enumerable.Range(0, random.Next(4)).Select(_ => (string)Value(random, DataKind.Text, true)).ToArray() : Value(random, DataKind.Text, true),
    };

    private static object Vector(Random random, VectorElement element) => element switch
    {
        VectorElement.Float32 => new ReadOnlyMemory<float>([.. Enumerable.Range(0, 21).Select(_ => (float)random.NextDouble() - 0.4f)]),
        VectorElement.Float16 => new ReadOnlyMemory<Half>([.. Enumerable.Range(0, 21).Select(_ => (Half)(random.NextDouble() - 0.4))]),
        VectorElement.Int8 => new ReadOnlyMemory<sbyte>([.. Enumerable.Range(0, 21).Select(_ => (sbyte)random.Next(-128, 128))]),
        _ => new ReadOnlyMemory<byte>([(byte)random.Next(256), (byte)random.Next(256), (byte)random.Next(32)]),
    };

    private static Array? Elements(object? vector) => vector switch
    {
        ReadOnlyMemory<float> floats => floats.ToArray(),
        ReadOnlyMemory<Half> halves => halves.ToArray(),
        ReadOnlyMemory<sbyte> bytes => bytes.ToArray(),
        ReadOnlyMemory<byte> bits => bits.ToArray(),
        _ => null,
    };

    private static string Text(Random random, int most) => string.Join(random.Next(3) == 0 ? ", " : " ", Enumerable.Range(0, random.Next(1, most)).Select(_ => Words[random.Next(Words.Length)]));

    private static TextQuery Query(Random random, int depth)
    {
        var query = random.Next(depth < 2 ? 7 : 3) switch
        {
            0 => TextQuery.Words(Text(random, 4)),
            1 => TextQuery.Phrase(Text(random, 4)),
            2 => TextQuery.Prefix(Words[random.Next(Words.Length)] is var word && word.Length > 1 ? word[..random.Next(1, 3)] : word),
            3 => TextQuery.Any(Enumerable.Range(0, random.Next(3)).Select(_ => Query(random, depth + 1))),
            4 => TextQuery.All(Enumerable.Range(0, random.Next(1, 3)).Select(_ => Query(random, depth + 1))),
            5 => Query(random, depth + 1).Except(Query(random, depth + 1)),
            _ => Query(random, depth + 1).Preferring(Query(random, depth + 1)),
        };
        query = random.Next(4) == 0 && depth == 2 ? query.In(random.Next(2) == 0 ? "title" : "text") : query;
        return random.Next(4) == 0 ? query.Boost(2.5) : query;
    }
}
