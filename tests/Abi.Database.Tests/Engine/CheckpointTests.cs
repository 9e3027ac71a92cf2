using Abi.Database.Engine;
using Abi.Database.Log;
using Abi.Database.Tests.Storage;

namespace Abi.Database.Tests.Engine;

/// <summary>Checkpoints that fail, or leave out what is damaged: what they were to save is not forgotten, and its log stays.</summary>
[Parallelizable]
public sealed class CheckpointTests
{
    /// <summary>A segment that an earlier program kept for use again goes when the database is opened.</summary>
    [Test]
    public void ASpareSegmentOfAnEarlierProgramIsTakenAway()
    {
        var disk = MemoryStorage.Of(new Dictionary<string, byte[]> { [LogFormat.SpareName] = new byte[4096] });
        new DatabaseEngine(disk, History.Options()).Dispose();
        Assert.That(disk.Exists(LogFormat.SpareName), Is.False);
    }

    /// <summary>Each call of a checkpoint fails once. The next one writes all again, under names that no manifest may have, so that a power cut at any moment of it finds whole files.</summary>
    [Test]
    public async Task OneThatFailedIsMadeAgain([Values] bool isWrittenBetween)
    {
        const int Cuts = 8;
        var made = 0;
        for (int failing = 0, calls = 0; failing <= calls; failing++) // 0: none, to count the calls
        {
            var disk = new MemoryStorage();
            int begun;
            using (var database = new VectorDatabase(new DatabaseEngine(disk, History.Options())))
            {
                var collection = database.GetDynamicCollection("c", CrashTests.Definition);
                await collection.EnsureCollectionExistsAsync();
                await collection.UpsertAsync(Enumerable.Range(0, 4).Select(i => CrashTests.Record(i, 0)));
                await database.WaitForIndexAsync();
                await database.CheckpointAsync();
                await collection.UpsertAsync(CrashTests.Record(4, 0));
                await database.WaitForIndexAsync();
                var (before, hasFailed) = (disk.Calls, false);
                disk.Fails = (call, _) => call == before + failing;
                try
                {
                    await database.CheckpointAsync();
                }
                catch (Exception error) when (error is AbiException or IOException)
                {
                    hasFailed = true;
                }

                calls = Math.Max(calls, disk.Calls - before);
                disk.Fails = null;
                if (!hasFailed || database.WriteFailure is not null)
                {
                    continue; // none failed, or the log did, which is for good
                }

                if (isWrittenBetween)
                {
                    await collection.UpsertAsync(CrashTests.Record(5, 0));
                }

                begun = disk.Journal.Count;
                await database.CheckpointAsync();
                made++;
            }

            var random = new Random(failing);
            for (var cut = 0; cut < Cuts; cut++)
            {
                var step = cut == 0 ? disk.Journal.Count : random.Next(begun, disk.Journal.Count);
                using var again = new VectorDatabase(new DatabaseEngine(disk.CutAfter(step, new Random(step)), History.Options()));
                Assert.That(again.Recovery.Warnings, Is.Empty, $"call {failing}, step {step}");
                var collection = again.GetDynamicCollection("c");
                Assert.That(await collection.CountAsync(), Is.EqualTo(isWrittenBetween ? 6 : 5), $"call {failing}, step {step}");
                Assert.That(collection.SearchKeys((float[])CrashTests.Record(4, 0)["vector"]!, 1)[0].Key, Is.EqualTo(CrashTests.Key(4, 0)), $"call {failing}, step {step}");
            }
        }

        Assert.That(made, Is.GreaterThan(10));
    }

    /// <summary>Some systems delete no file that somebody has mapped. The log and the other files go all the same, and that one later.</summary>
    [Test]
    public async Task AFileThatCannotBeDeletedFailsNeitherOneNorOpening()
    {
        var (disk, deletions) = (new MemoryStorage(), 0);
        using (var database = new VectorDatabase(new DatabaseEngine(disk, History.Options())))
        {
            var collection = database.GetDynamicCollection("c", CrashTests.Definition);
            await collection.EnsureCollectionExistsAsync();
            await collection.UpsertAsync(CrashTests.Record(0, 0));
            await database.CheckpointAsync();
            await collection.UpsertAsync(CrashTests.Record(1, 0));
            disk.Fails = (_, what) => what == "delete" && deletions++ == 0;
            await database.CheckpointAsync();
            Assert.That(database.CheckpointFailure, Is.Null);
            Assert.That(LogSegment.NumbersIn(disk), Has.Count.EqualTo(1));
            Assert.That(Orphans(), Is.EqualTo(1));
        }

        deletions = 0;
        await CountAsync();
        Assert.That(Orphans(), Is.EqualTo(1));
        await CountAsync();
        Assert.That(Orphans(), Is.Zero);

        int Orphans() => disk.List().Count(name => LogFormat.Number(name) < 0 && name != Manifest.FileName && !Manifest.Read(disk).Files().Contains(name));

        async Task CountAsync()
        {
            using var again = new VectorDatabase(new DatabaseEngine(disk, History.Options()));
            Assert.That(await again.GetDynamicCollection("c").CountAsync(), Is.EqualTo(2));
        }
    }

    /// <summary>It is made all the same, and what could not be deleted goes with a later one.</summary>
    [Test]
    public async Task LogThatCannotBeDeletedFailsNone()
    {
        var disk = new MemoryStorage();
        using var database = new VectorDatabase(new DatabaseEngine(disk, History.Options()));
        var collection = database.GetDynamicCollection("c", CrashTests.Definition);
        await collection.EnsureCollectionExistsAsync();
        disk.Fails = (_, what) => what == "delete";
        await database.CheckpointAsync();
        await collection.UpsertAsync(CrashTests.Record(0, 0));
        await database.CheckpointAsync();
        Assert.That(database.CheckpointFailure, Is.Null);
        Assert.That(LogSegment.NumbersIn(disk), Has.Count.EqualTo(3));
        disk.Fails = null;
        await collection.UpsertAsync(CrashTests.Record(1, 0));
        await database.CheckpointAsync();
        Assert.That(LogSegment.NumbersIn(disk), Has.Count.EqualTo(1));
    }

    /// <summary>Programs that are never closed but killed, and write a little each time, leave a log that is read at each opening: it does not grow for ever.</summary>
    [Test]
    public async Task WhatWasReplayedMakesOneDue()
    {
        var hang = TimeSpan.FromMinutes(1); // only so that a fault does not hold up all tests
        var disk = new MemoryStorage();
        var options = History.Options();
        (options.LogSegmentBytes, options.CheckpointBytes) = (1 << 20, 1 << 18);
        List<VectorDatabase> killed = [];
        for (var run = 0; run < 4; run++)
        {
            disk = MemoryStorage.Of(disk.Files());
            killed.Add(new VectorDatabase(new DatabaseEngine(disk, options)));
            var collection = killed[^1].GetDynamicCollection("c", new CollectionDefinition { Data = [new DataField("text", DataKind.Text)] });
            await collection.EnsureCollectionExistsAsync();
            await collection.UpsertAsync(new Dictionary<string, object?>(StringComparer.Ordinal) { ["Key"] = $"{run}", ["text"] = new string('x', 100_000) });
        }

        Assert.That(SpinWait.SpinUntil(() => Manifest.Read(disk).Sequence > 0, hang), Is.True);
        killed.ForEach(database => database.Dispose());
    }

    /// <summary>A checkpoint of the background that fails leaves a trace, and the next one that does not takes it away.</summary>
    [Test]
    public async Task AFailureInTheBackgroundIsTold()
    {
        var hang = TimeSpan.FromMinutes(1); // only so that a fault does not hold up all tests
        var (disk, creations) = (new MemoryStorage(), 0);
        var options = History.Options();
        (options.LogSegmentBytes, options.CheckpointBytes) = (1 << 20, 1);
        using var database = new VectorDatabase(new DatabaseEngine(disk, options));
        var collection = database.GetDynamicCollection("c", CrashTests.Definition);
        disk.Fails = (_, what) => what == "create" && Thread.CurrentThread.Name == "Abi.Database checkpoint" && ++creations == 2; // behind the segment of the log
        await collection.EnsureCollectionExistsAsync();
        Assert.That(SpinWait.SpinUntil(() => database.CheckpointFailure is not null, hang), Is.True);
        Assert.That(database.CheckpointFailure, Is.InstanceOf<IOException>().With.Message.Contains("as the test wants it"));
        Assert.That(database.WriteFailure, Is.Null);
        Assert.That(SpinWait.SpinUntil(
            () =>
            {
                collection.UpsertAsync(CrashTests.Record(1, 0)).GetAwaiter().GetResult(); // a commit makes the next attempt, once the last one has ended
                return database.CheckpointFailure is null;
            },
            hang), Is.True);
    }

    /// <summary>Attempts that fail for want of room, each in the files of the second collection, leave nothing that takes room.</summary>
    [Test]
    public async Task OneThatFailedLeavesNoFiles()
    {
        var disk = new MemoryStorage();
        using var database = new VectorDatabase(new DatabaseEngine(disk, History.Options()));
        foreach (var name in (string[])["first", "second"])
        {
            await database.GetDynamicCollection(name, CrashTests.Definition).EnsureCollectionExistsAsync();
            await database.GetDynamicCollection(name).UpsertAsync(CrashTests.Record(0, 0));
        }

        await database.WaitForIndexAsync();
        await database.CheckpointAsync();
        for (var attempt = 0; attempt < 3; attempt++)
        {
            var before = disk.List().Where(name => LogFormat.Number(name) < 0).ToList();
            await database.GetDynamicCollection("first").UpsertAsync(CrashTests.Record(1, attempt));
            await database.GetDynamicCollection("second").UpsertAsync(CrashTests.Record(1, attempt));
            disk.Fails = (_, what) => what == "create" && disk.List().Count(name => name.StartsWith("rows-", StringComparison.Ordinal)) == 3;
            Assert.That(() => database.CheckpointAsync(), Throws.TypeOf<DatabaseException>().With.InnerException.InstanceOf<IOException>());
            disk.Fails = null;
            Assert.That(disk.List().Where(name => LogFormat.Number(name) < 0), Is.EqualTo(before), $"attempt {attempt}");
        }

        await database.CheckpointAsync();
        Assert.That(database.CheckpointFailure, Is.Null);
    }

    /// <summary>What a checkpoint that failed was to save is still to be saved: closing does.</summary>
    [Test]
    public async Task ClosingSavesWhatOneThatFailedDidNot([Values] bool isReplayed)
    {
        var disk = new MemoryStorage();
        var options = History.Options();
        options.LogSegmentBytes = 1 << 20;
        var database = new VectorDatabase(new DatabaseEngine(disk, options));
        using var first = database;
        var collection = database.GetDynamicCollection("c", new CollectionDefinition { Data = [new DataField("text", DataKind.Text)] });
        await collection.EnsureCollectionExistsAsync();
        for (var i = 0; i < 12; i++)
        {
            await collection.UpsertAsync(new Dictionary<string, object?>(StringComparer.Ordinal) { ["Key"] = $"{i}", ["text"] = new string('x', 100_000) });
        }

        if (isReplayed)
        {
            disk = MemoryStorage.Of(disk.Files());
            database = new VectorDatabase(new DatabaseEngine(disk, options)); // the first was killed
        }

        var creations = 0;
        disk.Fails = (_, what) => what == "create" && ++creations == 2; // behind the segment of the log
        Assert.That(() => database.CheckpointAsync(), Throws.TypeOf<DatabaseException>().With.InnerException.InstanceOf<IOException>());
        disk.Fails = null;
        await database.DisposeAsync();
        Assert.That(Manifest.Read(disk).Sequence, Is.EqualTo(13));
    }

    /// <summary>A graph that grew is worth a checkpoint at closing, however short the log is, also when one failed before.</summary>
    [Test]
    public async Task ClosingSavesAGraphThatOneThatFailedDidNot()
    {
        const int Nodes = 1100;
        var disk = new MemoryStorage();
        var options = History.Options();
        options.LogSegmentBytes = 1 << 20;
        using (var database = new VectorDatabase(new DatabaseEngine(disk, options)))
        {
            var collection = database.GetDynamicCollection("c", new CollectionDefinition { Key = KeyKind.Integer, Vectors = [new VectorField("v", 2) { IndexKind = IndexKind.Hnsw, ConstructionEffort = 16 }] });
            await collection.EnsureCollectionExistsAsync();
            await collection.UpsertAsync(Enumerable.Range(0, Nodes).Select(i => new Dictionary<string, object?>(StringComparer.Ordinal) { ["Key"] = (long)i, ["v"] = new float[] { i, 1 } }));
            await database.WaitForIndexAsync();
            var creations = 0;
            disk.Fails = (_, what) => what == "create" && ++creations == 2; // behind the segment of the log
            Assert.That(() => database.CheckpointAsync(), Throws.TypeOf<DatabaseException>().With.InnerException.InstanceOf<IOException>());
            disk.Fails = null;
        }

        Assert.That(Manifest.Read(disk).Collections.Single().Graphs.Single(), Is.Not.Null);
    }

    /// <summary>A process that opens the database to read takes its files after it has read which they are; a checkpoint in between takes them away, which is no damage.</summary>
    [Test]
    public async Task FilesThatACheckpointTakesAwayAreNotDamaged([Values] bool keepsLog)
    {
        var disk = new MemoryStorage();
        var options = History.Options();
        options.KeepLog = keepsLog;
        using var writer = new VectorDatabase(new DatabaseEngine(disk, options));
        var collection = writer.GetDynamicCollection("c", CrashTests.Definition);
        await collection.EnsureCollectionExistsAsync();
        for (var i = 0; i < 4; i++)
        {
            await collection.UpsertAsync(CrashTests.Record(i, 0));
        }

        await writer.WaitForIndexAsync();
        await writer.CheckpointAsync();
        disk.Reading = (name, _) =>
        {
            if (name == Manifest.FileName)
            {
                disk.Reading = null;
                collection.UpsertAsync(CrashTests.Record(4, 0)).GetAwaiter().GetResult();
                writer.CheckpointAsync().GetAwaiter().GetResult();
            }
        };
        var readOnly = History.Options();
        readOnly.Access = DatabaseAccess.ReadOnly;
        using var reader = new VectorDatabase(new DatabaseEngine(disk, readOnly));
        Assert.That(disk.Reading, Is.Null);
        Assert.That(reader.Recovery.Warnings, Is.Empty);
        Assert.That(await reader.GetDynamicCollection("c").CountAsync(), Is.EqualTo(5));
    }

    /// <summary>While a collection is damaged, checkpoints keep the log since its files: with the files put back it is there up to the last commit, and so are the others.</summary>
    [Test]
    public async Task TheLogOfADamagedCollectionStays()
    {
        var disk = new MemoryStorage();
        using (var database = new VectorDatabase(new DatabaseEngine(disk, History.Options())))
        {
            foreach (var name in (string[])["good", "damaged"])
            {
                await database.GetDynamicCollection(name, CrashTests.Definition).EnsureCollectionExistsAsync();
                await database.GetDynamicCollection(name).UpsertAsync(CrashTests.Record(0, 0));
            }

            await database.CheckpointAsync();
            foreach (var name in (string[])["good", "damaged"])
            {
                await database.GetDynamicCollection(name).UpsertAsync(CrashTests.Record(1, 0));
            }
        }

        Damage(disk, "rows-000002");
        using (var database = new VectorDatabase(new DatabaseEngine(disk, History.Options())))
        {
            Assert.That(database.Recovery.Warnings, Has.Length.EqualTo(1));
            await database.GetDynamicCollection("new", CrashTests.Definition).EnsureCollectionExistsAsync();
            for (var i = 2; i < 5; i++)
            {
                await database.GetDynamicCollection("good").UpsertAsync(CrashTests.Record(i, 0));
                await database.GetDynamicCollection("new").UpsertAsync(CrashTests.Record(i, 0));
                await database.CheckpointAsync();
            }

            Assert.That(async () => await database.GetDynamicCollection("damaged").CountAsync(), Throws.TypeOf<DatabaseCorruptException>());
        }

        Damage(disk, "rows-000002");
        var logs = disk.List().Count(name => LogFormat.Number(name) >= 0);
        using var mended = new VectorDatabase(new DatabaseEngine(disk, History.Options()));
        Assert.That(mended.Recovery.Warnings, Is.Empty);
        Assert.That(await CountAsync("good"), Is.EqualTo(5));
        Assert.That(await CountAsync("damaged"), Is.EqualTo(2));
        Assert.That(await CountAsync("new"), Is.EqualTo(3));
        await mended.CheckpointAsync();
        Assert.That(disk.List().Count(name => LogFormat.Number(name) >= 0), Is.EqualTo(1).And.LessThan(logs), "it is not needed any more");

        Task<int> CountAsync(string name) => mended.GetDynamicCollection(name).CountAsync();
    }

    /// <summary>While a collection is damaged, the log is read again from before the files of the others. One that was deleted and made again under its name is the later one then, too.</summary>
    [Test]
    public async Task BesideDamageANameLeadsToTheCollectionThatHasItLast()
    {
        var disk = new MemoryStorage();
        using (var database = new VectorDatabase(new DatabaseEngine(disk, History.Options())))
        {
            await WriteAsync(database, "damaged", 0);
            await database.CheckpointAsync();
        }

        Damage(disk, "rows-000001");
        using (var database = new VectorDatabase(new DatabaseEngine(disk, History.Options())))
        {
            await WriteAsync(database, "again", 1);
            await database.EnsureCollectionDeletedAsync("again");
            await WriteAsync(database, "again", 2);
            await database.CheckpointAsync();
        }

        using var opened = new VectorDatabase(new DatabaseEngine(disk, History.Options()));
        Assert.That(await opened.ListCollectionNamesAsync().ToListAsync(), Is.EqualTo((string[])["again", "damaged"]));
        Assert.That(await opened.GetDynamicCollection("again").ListAsync().Select(record => record["Key"]).ToListAsync(), Is.EqualTo((object[])[CrashTests.Key(2, 0)]));

        static async Task WriteAsync(VectorDatabase database, string name, int number)
        {
            await database.GetDynamicCollection(name, CrashTests.Definition).EnsureCollectionExistsAsync();
            await database.GetDynamicCollection(name).UpsertAsync(CrashTests.Record(number, 0));
        }
    }

    /// <summary>A collection that only the log knows keeps its number to itself.</summary>
    [Test]
    public async Task CollectionsMadeAfterOpeningHaveNumbersOfTheirOwn()
    {
        var disk = new MemoryStorage();
        for (var i = 0; i < 4; i++)
        {
            using var database = new VectorDatabase(new DatabaseEngine(disk, History.Options()));
            await database.GetDynamicCollection($"c{i}", CrashTests.Definition).EnsureCollectionExistsAsync();
            await database.GetDynamicCollection($"c{i}").UpsertAsync(CrashTests.Record(i, 0));
            for (var j = 0; j <= i; j++)
            {
                Assert.That(await database.GetDynamicCollection($"c{j}").ListAsync().Select(record => record["Key"]).ToListAsync(), Is.EqualTo((object[])[CrashTests.Key(j, 0)]));
            }
        }
    }

    // Changes a bit of a file; the second time it is as it was.
    private static void Damage(MemoryStorage disk, string prefix)
    {
        using var file = disk.Open(disk.List().Single(name => name.StartsWith(prefix, StringComparison.Ordinal)), create: false);
        var one = new byte[1];
        _ = file.Read(5000, one);
        file.Write(5000, [(byte)(one[0] ^ 1)]);
    }
}
