using System.Diagnostics;
using Abi.Database;

namespace Abi.CompareVectors;

/// <summary>What encryption costs: the same database plain and encrypted, in turn in one run. 100,000 records with a vector of 100 floats, compared exactly.</summary>
internal static class EncryptionCost
{
    private const int Rows = 100_000;

    public static void Run(string folder)
    {
        using var key = EncryptionKey.FromBytes(new byte[32]);
        for (var round = 0; round <= 3; round++)
        {
            foreach (var (name, used) in new (string, EncryptionKey?)[] { ("plain", null), ("encrypted", key) })
            {
                var line = Measure(Path.Combine(folder, name), used);
                if (round > 0) // the first brings code in
                {
                    Console.WriteLine($"round {round}, {name,-9}: {line}");
                }
            }
        }
    }

    private static string Measure(string path, EncryptionKey? key)
    {
        if (Directory.Exists(path))
        {
            Directory.Delete(path, recursive: true);
        }

        DatabaseOptions Options(Durability durability) => new() { Path = path, Durability = durability, EncryptionKey = key };
        double unflushed, flushed, checkpoint;
        using (var database = VectorDatabase.OpenAsync(Options(Durability.Os)).GetAwaiter().GetResult())
        {
            var collection = Collection(database);
            collection.EnsureCollectionExistsAsync().GetAwaiter().GetResult();
            unflushed = Rows / Seconds(() => Upsert(collection, 0, Rows));
            checkpoint = Seconds(() => database.CheckpointAsync().GetAwaiter().GetResult());
        }

        using (var database = VectorDatabase.OpenAsync(Options(Durability.Full)).GetAwaiter().GetResult())
        {
            var collection = Collection(database);
            flushed = 1000 / Seconds(() => Upsert(collection, 0, 1000));
        }

        double search = 0;
        var open = Seconds(() =>
        {
            using var database = VectorDatabase.OpenAsync(Options(Durability.Full)).GetAwaiter().GetResult();
            var collection = Collection(database);
            collection.SearchKeys(Vector(1), 10);
            search = 20 / Seconds(() =>
            {
                for (var i = 0; i < 20; i++)
                {
                    collection.SearchKeys(Vector(i), 10);
                }
            });
        }) - (20 / search);
        return $"commits {unflushed:f0}/s without and {flushed:f0}/s with flushes, checkpoint {checkpoint:f2} s, opened with a first search in {open:f2} s, exact searches {search:f0}/s";
    }

    private static VectorCollection<long, Own.Row> Collection(VectorDatabase database) => database.GetCollection<long, Own.Row>("rows", new CollectionDefinition
    {
        Key = KeyKind.Integer,
        KeyName = "Id",
        Vectors = [new VectorField("Vector", 100) { IndexKind = IndexKind.Flat }],
    });

    private static void Upsert(VectorCollection<long, Own.Row> collection, int from, int to)
    {
        for (var i = from; i < to; i++)
        {
            collection.UpsertAsync(new Own.Row { Id = i, Vector = Vector(i) }).GetAwaiter().GetResult();
        }
    }

    private static float[] Vector(int seed)
    {
        var vector = new float[100];
        var random = new Random(seed);
        for (var i = 0; i < vector.Length; i++)
        {
            vector[i] = random.NextSingle() - 0.5f;
        }

        return vector;
    }

    private static double Seconds(Action act)
    {
        var start = Stopwatch.GetTimestamp();
        act();
        return Stopwatch.GetElapsedTime(start).TotalSeconds;
    }
}
