using Abi.Database.Engine;
using Abi.Database.Tests.Storage;

namespace Abi.Database.Tests;

/// <summary>A short run of commits on a disk in memory, with the state after each: what crash and damage tests compare with.</summary>
internal sealed class History
{
    private static readonly CollectionDefinition Definition = new()
    {
        Data = [new DataField("text", DataKind.Text) { IsFullTextIndexed = true }, new DataField("number", DataKind.Integer) { IsIndexed = true }],
        Vectors = [new VectorField("vector", 3) { DistanceFunction = DistanceFunction.EuclideanSquaredDistance, IndexKind = IndexKind.Hnsw, Connections = 4, ConstructionEffort = 16 }],
    };

    public MemoryStorage Storage { get; } = new();

    /// <summary>The state after each commit; the first is that before any.</summary>
    public List<string> States { get; } = [""];

    /// <summary>The length of the journal when each commit was acknowledged; the first is 0.</summary>
    public List<int> Acknowledged { get; } = [0];

    public static DatabaseOptions Options(Durability durability = Durability.Full, RecoveryMode recovery = RecoveryMode.Strict, EncryptionKey? key = null) =>
        new() { LogSegmentBytes = 4096, CheckpointBytes = long.MaxValue, Durability = durability, Recovery = recovery, GroupInterval = TimeSpan.FromMinutes(1), EncryptionKey = key };

    /// <param name="commits">How many.</param>
    /// <param name="seed">Of what they do.</param>
    /// <param name="durability">When they are acknowledged.</param>
    /// <param name="checkpointsAfter">The commits after which a checkpoint is made.</param>
    /// <param name="change">Changes the options.</param>
    /// <param name="afterCommit">Done after each; after the creation of the collection as after commit 0.</param>
    /// <param name="encryption">The key; null for a plain database.</param>
    public static async Task<History> RunAsync(
        int commits, int seed, Durability durability = Durability.Full, int[]? checkpointsAfter = null, Action<History, DatabaseOptions>? change = null, Func<int, VectorDatabase, Task>? afterCommit = null, EncryptionKey? encryption = null)
    {
        var history = new History();
        var options = Options(durability, key: encryption);
        change?.Invoke(history, options);
        var random = new Random(seed);
        var model = new SortedDictionary<string, string>(StringComparer.Ordinal);
        using var engine = new DatabaseEngine(history.Storage, options);
        using var database = new VectorDatabase(engine);
        var collection = database.GetDynamicCollection("things", Definition);
        await collection.EnsureCollectionExistsAsync();
        history.Note("");
        await (afterCommit?.Invoke(0, database) ?? Task.CompletedTask);
        for (var i = 1; i <= commits; i++)
        {
            if (model.Count > 0 && random.Next(4) == 0)
            {
                var key = model.Keys.ElementAt(random.Next(model.Count));
                model.Remove(key);
                await collection.DeleteAsync(key);
            }
            else
            {
                List<Dictionary<string, object?>> batch = [];
                for (var j = random.Next(1, 4); j > 0; j--)
                {
                    var key = $"k{random.Next(20)}";
                    var record = new Dictionary<string, object?>
                    {
                        ["Key"] = key, ["text"] = $"text {i} {new string('x', random.Next(300))}", ["number"] = (long)i, ["vector"] = new float[] { i, j, random.Next(9) },
                    };
                    batch.Add(record);
                    model[key] = Show(record);
                }

                await collection.UpsertAsync(batch);
            }

            history.Note(string.Join('\n', model.Select(item => $"{item.Key}: {item.Value}")));
            if (checkpointsAfter?.Contains(i) == true)
            {
                await database.WaitForIndexAsync();
                await database.CheckpointAsync();
            }

            await (afterCommit?.Invoke(i, database) ?? Task.CompletedTask);
        }

        return history;
    }

    /// <summary>The state that a database is in: all records, through every way that leads to them.</summary>
    public static async Task<string> StateOfAsync(VectorDatabase database)
    {
        if (!await database.CollectionExistsAsync("things"))
        {
            return "";
        }

        var collection = database.GetDynamicCollection("things", Definition);
        var model = new SortedDictionary<string, string>(StringComparer.Ordinal);
        await foreach (var record in collection.ListAsync())
        {
            model.Add((string)record["Key"]!, Show(record));
        }

        Assert.That(await collection.CountAsync(), Is.EqualTo(model.Count));
        var found = collection.SearchKeys([1, 2, 3], 1000);
        Assert.That(found.Select(match => (string)match.Key), Is.EquivalentTo(model.Keys));
        foreach (var key in model.Keys)
        {
            Assert.That(Show((await collection.GetAsync(key))!), Is.EqualTo(model[key]));
        }

        return string.Join('\n', model.Select(item => $"{item.Key}: {item.Value}"));
    }

    private static string Show(Dictionary<string, object?> record)
    {
        var vector = record["vector"] is ReadOnlyMemory<float> memory ? memory.ToArray() : (float[])record["vector"]!;
        return $"{record["text"]} {record["number"]} [{string.Join(' ', vector)}]";
    }

    private void Note(string state)
    {
        States.Add(state);
        Acknowledged.Add(Storage.Journal.Count);
    }
}
