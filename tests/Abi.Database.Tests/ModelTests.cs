using Abi.Database.Engine;
using Abi.Database.Tests.Storage;
using FsCheck;
using FsCheck.Fluent;

namespace Abi.Database.Tests;

/// <summary>Random operations, restarts and checkpoints, against a dictionary.</summary>
[Parallelizable]
public sealed class ModelTests
{
    private static readonly CollectionDefinition Definition = new()
    {
        Key = KeyKind.Integer,
        Data =
        [
            new DataField("number", DataKind.Integer) { IsIndexed = true },
            new DataField("ratio", DataKind.Number) { IsIndexed = true },
            new DataField("name", DataKind.Text) { IsIndexed = true, IsFullTextIndexed = true },
            new DataField("tags", DataKind.TextArray) { IsIndexed = true },
            new DataField("date", DataKind.Date) { IsIndexed = true },
            new DataField("flag", DataKind.Boolean) { IsIndexed = true },
        ],
        Vectors =
        [
            new VectorField("graph", 4) { IndexKind = IndexKind.Hnsw, Connections = 6, DistanceFunction = DistanceFunction.EuclideanSquaredDistance },
            new VectorField("flat", 5) { IndexKind = IndexKind.Flat, DistanceFunction = DistanceFunction.DotProductSimilarity },
            new VectorField("codes", 6) { IndexKind = IndexKind.Hnsw, IsQuantized = true },
        ],
    };

    [Test]
    public void BehavesAsADictionary() => Check.One(Config.QuickThrowOnFailure.WithMaxTest(40), Prop.ForAll(Gen.Choose(0, int.MaxValue - 1).ToArbitrary(), seed =>
    {
        RunAsync(seed, 120).GetAwaiter().GetResult();
        return true;
    }));

    [Test]
    [Explicit("long: 500 runs, others each time")]
    public void BehavesAsADictionaryForLong() => Check.One(Config.QuickThrowOnFailure.WithMaxTest(500), Prop.ForAll(Gen.Choose(0, int.MaxValue - 1).ToArbitrary(), seed =>
    {
        RunAsync(seed, 400).GetAwaiter().GetResult();
        return true;
    }));

    private static async Task RunAsync(int seed, int steps)
    {
        var random = new Random(seed);
        var disk = new MemoryStorage();
        var model = new Dictionary<long, Dictionary<string, object?>>();
        var database = Open(disk);
        var collection = database.GetDynamicCollection("c", Definition);
        await collection.EnsureCollectionExistsAsync();
        for (var step = 0; step < steps; step++)
        {
            switch (random.Next(12))
            {
                case 0 or 1 or 2 or 3:
                    var batch = Enumerable.Range(0, random.Next(1, 30)).Select(_ => Record(random, random.Next(200))).ToList();
                    batch.ForEach(record => model[(long)record["Key"]!] = record);
                    await collection.UpsertAsync(batch);
                    break;
                case 4 or 5:
                    var keys = Enumerable.Range(0, random.Next(1, 25)).Select(_ => (object)(long)random.Next(200)).ToList();
                    keys.ForEach(key => model.Remove((long)key));
                    await collection.DeleteAsync(keys);
                    break;
                case 6 when random.Next(4) == 0:
                    database.Dispose();
                    database = Open(disk);
                    collection = database.GetDynamicCollection("c", Definition);
                    break;
                case 7 when random.Next(4) == 0:
                    await database.CheckpointAsync();
                    break;
                case 8 when random.Next(3) == 0:
                    await database.WaitForIndexAsync();
                    break;
                case 9 when random.Next(40) == 0:
                    await collection.EnsureCollectionDeletedAsync();
                    await collection.EnsureCollectionExistsAsync();
                    model.Clear();
                    break;
                default:
                    await CompareAsync(collection, model, random, $"seed {seed}, step {step}");
                    break;
            }
        }

        database.Dispose();
    }

    private static VectorDatabase Open(MemoryStorage disk) => new(new DatabaseEngine(disk, new DatabaseOptions { LogSegmentBytes = 1 << 16, CheckpointBytes = 1 << 17 }));

    private static async Task CompareAsync(VectorCollection<object, Dictionary<string, object?>> collection, Dictionary<long, Dictionary<string, object?>> model, Random random, string where)
    {
        var key = (long)random.Next(200);
        var got = await collection.GetAsync(key);
        Assert.That(got is null ? null : Show(got), Is.EqualTo(model.TryGetValue(key, out var known) ? Show(known) : null), where);
        Assert.That(await collection.CountAsync(), Is.EqualTo(model.Count), where);

        var (filter, holds) = RandomFilter(random, 0);
        var matching = model.Values.Where(holds).ToList();
        Assert.That(await collection.CountAsync(filter), Is.EqualTo(matching.Count), $"{where}: {filter}");
        List<Dictionary<string, object?>> listed = [];
        await foreach (var record in collection.ListAsync(new ListOptions { Filter = filter }))
        {
            listed.Add(record);
        }

        Assert.That(listed.Select(Show), Is.EquivalentTo(matching.Select(Show)), $"{where}: {filter}");

        // Every search gives min(k, matches); an exact one, and one with so small a collection, the very nearest.
        var top = random.Next(1, 40);
        foreach (var (field, dimensions) in new[] { ("graph", 4), ("flat", 5), ("codes", 6) })
        {
            var query = Vector(random, dimensions);
            var expected = matching.Where(record => record[field] is not null).Select(record => Distance(field, query, (float[])record[field]!)).Order().Take(top).ToList();
            foreach (var isExact in new[] { true, false })
            {
                var found = collection.SearchKeys(query, top, new VectorSearchOptions { VectorField = field, Filter = filter, IsExact = isExact });
                var distances = found.Select(match => Distance(field, query, (float[])model[(long)match.Key][field]!)).ToList();
                Assert.That(distances, Has.Count.EqualTo(expected.Count), $"{where}: {field}, {filter}, exact {isExact}");
                Assert.That(found.Select(match => match.Key).Distinct().Count(), Is.EqualTo(found.Count), where);
                Assert.That(found.All(match => holds(model[(long)match.Key])), $"{where}: {filter}");
                if (isExact)
                {
                    Assert.That(distances, Is.EqualTo(expected).Within(1e-4), $"{where}: {field}, {filter}");
                }
                else if (expected.Count > 0)
                {
                    Assert.That(distances[0], Is.EqualTo(expected[0]).Within(field == "codes" ? 0.1 : 1e-4), $"{where}: {field}, {filter}");
                }
            }
        }
    }

    private static double Distance(string field, float[] a, float[] b) => field switch
    {
        "graph" => a.Zip(b, (x, y) => (double)(x - y) * (x - y)).Sum(),
        "flat" => -a.Zip(b, (x, y) => (double)x * y).Sum(),
        _ => 1 - (a.Zip(b, (x, y) => (double)x * y).Sum() / Math.Sqrt(a.Sum(x => (double)x * x) * b.Sum(x => (double)x * x))),
    };

    private static (Filter Filter, Func<Dictionary<string, object?>, bool> Holds) RandomFilter(Random random, int depth)
    {
        var number = (long)random.Next(-2, 12);
        var text = $"n{random.Next(6)}";
        switch (random.Next(depth < 3 ? 17 : 13))
        {
            case 0:
                return (Filter.Equal("number", number), record => record["number"] is long n && n == number);
            case 1:
                return (Filter.NotEqual("number", number), record => !(record["number"] is long n && n == number));
            case 2:
                return (Filter.LessThan("number", number + 0.5), record => record["number"] is long n && n < number + 0.5);
            case 3:
                return (Filter.GreaterThanOrEqual("number", number), record => record["number"] is long n && n >= number);
            case 4:
                return (Filter.LessThanOrEqual("ratio", number / 10.0), record => record["ratio"] is double n && n <= number / 10.0);
            case 5:
                return (Filter.GreaterThan("ratio", number / 10.0), record => record["ratio"] is double n && n > number / 10.0);
            case 6:
                return (Filter.Equal("name", text), record => record["name"] is string s && s == text);
            case 7:
                return (Filter.StartsWith("name", "n1"), record => record["name"] is string s && s.StartsWith("n1", StringComparison.Ordinal));
            case 8:
                return (Filter.In("name", text, "n0"), record => record["name"] is string s && (s == text || s == "n0"));
            case 9:
                return (Filter.Contains("tags", text), record => record["tags"] is string[] tags && tags.Contains(text));
            case 10:
                return (Filter.Exists("date"), record => record["date"] is not null);
            case 11:
                var date = new DateTimeOffset(2026, 1, random.Next(1, 28), 0, 0, 0, TimeSpan.Zero);
                return (Filter.LessThan("date", date), record => record["date"] is DateTimeOffset d && d < date);
            case 12:
                return (Filter.Equal("flag", true), record => record["flag"] is true);
            case 13:
                var not = RandomFilter(random, depth + 1);
                return (Filter.Not(not.Filter), record => !not.Holds(record));
            case 14:
                return (Filter.Equal("number", null), record => record["number"] is null);
            default:
                var (left, right) = (RandomFilter(random, depth + 1), RandomFilter(random, depth + 1));
                return random.Next(2) == 0
                    ? (Filter.And(left.Filter, right.Filter), record => left.Holds(record) && right.Holds(record))
                    : (Filter.Or(left.Filter, right.Filter), record => left.Holds(record) || right.Holds(record));
        }
    }

    private static Dictionary<string, object?> Record(Random random, long key) => new(StringComparer.Ordinal)
    {
        ["Key"] = key,
        ["number"] = Maybe(random, () => (long)random.Next(10)),
        ["ratio"] = Maybe(random, () => random.NextDouble()),
        ["name"] = Maybe(random, () => $"n{random.Next(15)}"),
        ["tags"] = Maybe(random, () => Enumerable.Range(0, random.Next(4)).Select(_ => $"n{random.Next(8)}").ToArray()),
        ["date"] = Maybe(random, () => new DateTimeOffset(2026, 1, random.Next(1, 28), random.Next(24), 0, 0, TimeSpan.FromHours(random.Next(-3, 3)))),
        ["flag"] = Maybe(random, () => random.Next(2) == 0),
        ["graph"] = Maybe(random, () => Vector(random, 4)),
        ["flat"] = Maybe(random, () => Vector(random, 5)),
        ["codes"] = Maybe(random, () => Vector(random, 6)),
    };

    private static object? Maybe<T>(Random random, Func<T> value) => random.Next(6) == 0 ? null : value();

    private static float[] Vector(Random random, int dimensions) => [.. Enumerable.Range(0, dimensions).Select(_ => random.NextSingle() - 0.5f)];

    private static string Show(Dictionary<string, object?> record) => string.Join("; ", record.OrderBy(item => item.Key, StringComparer.Ordinal).Select(item => item.Value switch
    {
        null => $"{item.Key}: -",
        ReadOnlyMemory<float> vector => $"{item.Key}: {string.Join(' ', vector.ToArray())}",
        float[] vector => $"{item.Key}: {string.Join(' ', vector)}",
        string[] texts => $"{item.Key}: {string.Join(' ', texts)}",
        DateTimeOffset date => $"{item.Key}: {date:O}",
        var value => $"{item.Key}: {value}",
    }));
}
