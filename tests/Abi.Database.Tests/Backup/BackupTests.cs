namespace Abi.Database.Tests.Backup;

/// <summary>Promise 7: backups made while the database is in use, restored to any commit.</summary>
public sealed class BackupTests
{
    private static readonly CollectionDefinition Definition = new()
    {
        Key = KeyKind.Integer,
        Data = [new DataField("n", DataKind.Integer)],
        Vectors = [new VectorField("v", 4) { IndexKind = IndexKind.Hnsw }],
    };

    [TestCase(1500, 12)]
    [TestCase(10_000, 50, Explicit = true, Reason = "long: 10,000 operations and 50 marks")]
    public async Task RestoresToEveryMark(int operations, int marks)
    {
        using var folder = new TemporaryFolder();
        var clock = new StepClock();
        var random = new Random(operations);
        var model = new SortedDictionary<long, long>();
        List<(long Sequence, DateTimeOffset Time, string State)> history = [];
        await using (var database = await VectorDatabase.OpenAsync(new DatabaseOptions { Path = folder["live"], KeepLog = true, LogSegmentBytes = 1 << 16, CheckpointBytes = 1 << 17, Durability = Durability.Os, Clock = clock }))
        {
            var collection = database.GetDynamicCollection("c", Definition);
            await collection.EnsureCollectionExistsAsync();
            Assert.That((await database.BackupAsync(folder["backup"])).IsIncremental, Is.False);
            for (var i = 0; i < operations; i++)
            {
                clock.Step();
                var key = random.Next(300);
                if (random.Next(3) == 0)
                {
                    model.Remove(key);
                    await collection.DeleteAsync((long)key);
                }
                else
                {
                    model[key] = i;
                    await collection.UpsertAsync(new Dictionary<string, object?> { ["Key"] = key, ["n"] = i, ["v"] = new float[] { i + 1, key, 1, 2 } });
                }

                if (i % (operations / marks) == 7)
                {
                    history.Add((database.Sequence, clock.GetUtcNow(), Show(model)));
                }

                if (i == operations / 3 || i == operations / 2)
                {
                    await database.CheckpointAsync();
                    var report = await database.BackupAsync(folder["backup"]);
                    Assert.That(report.IsIncremental && report.Sequence == database.Sequence);
                }
            }

            var last = await database.BackupAsync(folder["backup"]);
            Assert.That(last.IsIncremental, Is.True);
            Assert.That((await VectorDatabase.VerifyAsync(folder["backup"])).IsSound);
            Assert.That((await database.VerifyAsync()).IsSound);
        }

        Assert.That(history, Has.Count.GreaterThanOrEqualTo(marks));
        for (var i = 0; i < history.Count; i++)
        {
            var options = i % 2 == 0 ? new RestoreOptions { ToSequence = history[i].Sequence } : new RestoreOptions { ToTime = history[i].Time };
            var target = folder[$"restored{i}"];
            Assert.That(await VectorDatabase.RestoreAsync(folder["backup"], target, options), Is.EqualTo(history[i].Sequence));
            await using var restored = await VectorDatabase.OpenAsync(target);
            var collection = restored.GetDynamicCollection("c");
            Assert.That(await StateAsync(collection), Is.EqualTo(history[i].State), $"mark {i}, commit {history[i].Sequence}");
            await collection.UpsertAsync(new Dictionary<string, object?> { ["Key"] = 1000, ["n"] = 1, ["v"] = new float[] { 1, 2, 3, 4 } });
        }
    }

    [Test]
    public async Task ADamagedBackupIsNotRestoredAndAFullOneReplacesAnother()
    {
        using var folder = new TemporaryFolder();
        await using var database = await VectorDatabase.OpenAsync(folder["live"]);
        var collection = database.GetDynamicCollection("c", Definition);
        await collection.EnsureCollectionExistsAsync();
        await collection.UpsertAsync(Enumerable.Range(0, 100).Select(i => new Dictionary<string, object?> { ["Key"] = i, ["n"] = i, ["v"] = new float[] { i + 1, 1, 1, 2 } }));
        await database.CheckpointAsync();
        await database.BackupAsync(folder["backup"]);
        var file = Directory.GetFiles(folder["backup"], "rows-*").Single();
        var bytes = await File.ReadAllBytesAsync(file);
        bytes[5000] ^= 8;
        await File.WriteAllBytesAsync(file, bytes);
        var report = await VectorDatabase.VerifyAsync(folder["backup"]);
        Assert.That(report.Problems.Single(), Does.Contain("Page 0").And.Contain(Path.GetFileName(file)));
        Assert.That(async () => await VectorDatabase.RestoreAsync(folder["backup"], folder["restored"]), Throws.TypeOf<DatabaseCorruptException>());
        Assert.That(Directory.Exists(folder["restored"]), Is.False);
        await collection.DeleteAsync(3);
        await database.CheckpointAsync();
        Assert.That((await database.BackupAsync(folder["backup"])).IsIncremental, Is.False);
        await VectorDatabase.RestoreAsync(folder["backup"], folder["restored"]);
        await using var restored = await VectorDatabase.OpenAsync(folder["restored"]);
        Assert.That(await restored.GetDynamicCollection("c").CountAsync(), Is.EqualTo(99));
        Assert.That(async () => await VectorDatabase.RestoreAsync(folder["backup"], folder["restored"]), Throws.TypeOf<DatabaseException>().With.Message.Contains("not empty"));
    }

    private static string Show(SortedDictionary<long, long> model) => string.Join(' ', model.Select(item => $"{item.Key}={item.Value}"));

    private static async Task<string> StateAsync(VectorCollection<object, Dictionary<string, object?>> collection)
    {
        var state = new SortedDictionary<long, long>();
        await foreach (var record in collection.ListAsync())
        {
            state.Add((long)record["Key"]!, (long)record["n"]!);
        }

        return Show(state);
    }
}
