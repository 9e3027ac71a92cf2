using Abi.Database.Backup;
using Abi.Database.Engine;
using Abi.Database.Log;
using Abi.Database.Tests.Storage;

namespace Abi.Database.Tests.Backup;

/// <summary>The archive of the log: restores by it, power cuts, failures, and how long it is kept.</summary>
[Parallelizable]
public sealed class LogArchiveTests
{
    [TestCase(1500, 12)]
    [TestCase(10_000, 50, Explicit = true, Reason = "long: 10,000 operations and 50 marks")]
    public async Task ABackupAndTheArchiveAreRestoredToEveryMark(int operations, int marks)
    {
        using var folder = new TemporaryFolder();
        Directory.CreateDirectory(folder["archive"]);
        var (clock, random, stream) = (new StepClock(), new Random(operations), new MemoryStream());
        var model = new SortedDictionary<long, long>();
        List<(long Sequence, DateTimeOffset Time, string State)> history = [];
        var options = new DatabaseOptions { Path = folder["live"], LogArchive = folder["archive"], LogSegmentBytes = 1 << 14, CheckpointBytes = 1 << 15, Durability = Durability.Os, Clock = clock };
        for (var session = 0; session < 3; session++)
        {
            await using var database = await VectorDatabase.OpenAsync(options);
            var collection = database.GetDynamicCollection("c", new CollectionDefinition { Key = KeyKind.Integer, Data = [new DataField("n", DataKind.Integer)], Vectors = [new VectorField("v", 4) { IndexKind = IndexKind.Hnsw }] });
            await collection.EnsureCollectionExistsAsync();
            if (session == 0)
            {
                await database.BackupAsync(folder["backup"]);
                await database.BackupAsync(stream);
            }

            for (var i = session * operations / 3; i < (session + 1) * operations / 3; i++)
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
            }

            Assert.That(database.LogArchive!.Failure, Is.Null);
            Assert.That(await database.ArchiveLogAsync(), Is.EqualTo(database.Sequence));
            Assert.That((database.LogArchive.Sequence, database.LogArchive.PendingSegments), Is.EqualTo((database.Sequence, 0)));
            await database.CheckpointAsync();
            Assert.That(Directory.GetFiles(folder["live"], "log-*"), Has.Length.EqualTo(1), "what is archived is given up");
        }

        Assert.That(Directory.GetFiles(Directory.GetDirectories(folder["archive"]).Single()), Has.Length.GreaterThan(3));
        Assert.That(history, Has.Count.GreaterThanOrEqualTo(marks));
        for (var i = 0; i < history.Count; i++)
        {
            var target = folder[$"restored{i}"];
            var limits = i % 2 == 0 ? new RestoreOptions { ToSequence = history[i].Sequence, LogArchive = folder["archive"] } : new RestoreOptions { ToTime = history[i].Time, LogArchive = folder["archive"] };
            stream.Position = 0;
            var sequence = i % 3 == 0 ? await VectorDatabase.RestoreAsync(stream, target, limits) : await VectorDatabase.RestoreAsync(folder["backup"], target, limits);
            Assert.That(sequence, Is.EqualTo(history[i].Sequence));
            await using var restored = await VectorDatabase.OpenAsync(target);
            var state = new SortedDictionary<long, long>();
            await foreach (var record in restored.GetDynamicCollection("c").ListAsync())
            {
                state.Add((long)record["Key"]!, (long)record["n"]!);
            }

            Assert.That(Show(state), Is.EqualTo(history[i].State), $"mark {i}, commit {history[i].Sequence}");
        }
    }

    /// <summary>Two disks lose power at the same moment, any: what the database gave up is in the archive, and nothing there is another history.</summary>
    [TestCase(Durability.Full)]
    [TestCase(Durability.Os)]
    public async Task APowerCutLeavesAllOfTheLogInOneOfBothPlaces(Durability durability)
    {
        MemoryStorage archive = new(), backup = new();
        List<(int Main, int Archive)> moments = [];
        List<(long Sequence, int Main)> acknowledged = [];
        void Watch(History history, DatabaseOptions options)
        {
            Func<int, string, bool> note = (_, _) =>
            {
                lock (moments)
                {
                    moments.Add((history.Storage.Journal.Count, archive.Journal.Count));
                }

                return false;
            };
            (options.LogArchive, history.Storage.Archive, history.Storage.Fails, archive.Fails) = ("archive", () => archive, note, note);
        }

        var history = await History.RunAsync(24, seed: 5, durability, checkpointsAfter: [8, 17], Watch, async (i, database) =>
        {
            if (i == 0)
            {
                database.Engine.Backup(backup, new BackupOptions());
            }
            else if (i % 5 == 4)
            {
                await database.ArchiveLogAsync();
            }
        });
        var seed = 0;
        foreach (var (main, there) in moments.Distinct().Where(moment => moment.Main >= history.Acknowledged[1]))
        {
            var random = new Random(++seed);
            var (disk, archived) = (history.Storage.CutAfter(main, random), archive.CutAfter(there, random));
            var options = History.Options();
            (options.LogArchive, disk.Archive) = ("archive", () => archived);
            var place = $"cut behind steps {main} and {there}";
            using (var database = new VectorDatabase(new DatabaseEngine(disk, options)))
            {
                var state = await History.StateOfAsync(database);
                Assert.That(history.States.FindLastIndex(known => known == state), Is.GreaterThanOrEqualTo(durability == Durability.Full ? history.Acknowledged.FindLastIndex(at => at <= main) : 0), place);
                await database.ArchiveLogAsync();
                if (database.Sequence < 1)
                {
                    continue; // cut before the backup was made
                }

                var copy = MemoryStorage.Of(backup.NewestChain.Files());
                ArchivedLog.Append(copy, Manifest.Read(copy), archived, new RestoreOptions());
                using var restored = new VectorDatabase(new DatabaseEngine(copy, History.Options()));
                Assert.That(restored.Sequence, Is.EqualTo(database.Sequence), place);
                Assert.That(await History.StateOfAsync(restored), Is.EqualTo(state), place);
            }
        }

        Assert.That(moments, Has.Count.GreaterThan(100));
    }

    /// <summary>All of the log is in the archive and none of it here any more: after opening again the archive says how far it is, also when its end was damaged meanwhile.</summary>
    [Test]
    public async Task WhatWasArchivedBeforeOpeningIsKnown([Values("", "header", "frame")] string damage)
    {
        var archive = new MemoryStorage();
        var disk = new MemoryStorage { Archive = () => archive };
        var options = History.Options();
        options.LogArchive = "archive";
        using (var database = new VectorDatabase(new DatabaseEngine(disk, options)))
        {
            await database.GetDynamicCollection("c", CrashTests.Definition).EnsureCollectionExistsAsync();
            await database.GetDynamicCollection("c").UpsertAsync(CrashTests.Record(1, 0));
            await database.ArchiveLogAsync();
            await database.GetDynamicCollection("c").UpsertAsync(CrashTests.Record(2, 0));
            await database.CheckpointAsync();
            await database.ArchiveLogAsync();
            await database.CheckpointAsync();
        }

        if (damage.Length > 0)
        {
            using var file = archive.Open(LogFormat.Name(LogSegment.NumbersIn(archive)[^1]), create: false);
            file.Write(damage == "header" ? 20 : 600, [1, 2, 3]);
        }

        var last = damage.Length > 0 ? 2 : 3;
        using var again = new VectorDatabase(new DatabaseEngine(disk, options));
        Assert.That(await again.ArchiveLogAsync(), Is.EqualTo(last));
        Assert.That((again.LogArchive!.Sequence, again.LogArchive.Failure), Is.EqualTo(((long)last, (Exception?)null)));
    }

    [Test]
    public async Task AnArchiveThatFailsLosesNothingAndSaysSo()
    {
        var (disk, archive, backup, clock) = (new MemoryStorage(), new MemoryStorage(), new MemoryStorage(), new StepClock());
        var options = History.Options();
        var isGone = true;
        (options.LogArchive, options.Clock) = ("the archive", clock);
        disk.Archive = () => isGone ? throw new DatabaseException("There is no disk.") : archive;
        using var database = new VectorDatabase(new DatabaseEngine(disk, options));
        var collection = database.GetDynamicCollection("c", CrashTests.Definition);
        await collection.EnsureCollectionExistsAsync();
        database.Engine.Backup(backup, new BackupOptions());
        for (var i = 0; i < 200; i++)
        {
            await collection.UpsertAsync(CrashTests.Record(i, 0));
            if (i % 20 == 10)
            {
                await database.CheckpointAsync();
            }
        }

        var error = Assert.ThrowsAsync<DatabaseException>(() => database.ArchiveLogAsync());
        Assert.That(error!.Message, Does.Contain("the archive").And.Contain("There is no disk.").And.Contain("safe"));
        Assert.That(database.WriteFailure, Is.Null);
        var status = database.LogArchive!;
        Assert.That(status.Failure!.Message, Is.EqualTo("There is no disk."));
        Assert.That((status.Sequence, status.FailingSince), Is.EqualTo((0L, clock.GetUtcNow())));
        var segments = LogSegment.NumbersIn(disk);
        Assert.That(status.PendingSegments, Is.EqualTo(segments.Count - 1).And.GreaterThan(10));
        Assert.That(segments[0], Is.EqualTo(1));
        clock.Step();
        Assert.That(async () => await database.ArchiveLogAsync(), Throws.InstanceOf<DatabaseException>());
        Assert.That(database.LogArchive!.FailingSince, Is.EqualTo(status.FailingSince));

        // Each call to the archive's disk fails once; each time it goes on where it stood.
        isGone = false;
        var (failing, failures) = (0, 0);
        archive.Fails = (call, _) => call == failing;
        while (true)
        {
            try
            {
                failing = archive.Calls + 1 + (failures % 7);
                Assert.That(await database.ArchiveLogAsync(), Is.EqualTo(database.Sequence));
                break;
            }
            catch (DatabaseException)
            {
                failures++;
            }
        }

        Assert.That(failures, Is.GreaterThan(3));
        Assert.That(database.LogArchive, Is.EqualTo(new LogArchiveStatus(database.Sequence, 0, null, null)));
        await database.CheckpointAsync();
        Assert.That(LogSegment.NumbersIn(disk), Has.Count.EqualTo(1));
        var chain = backup.NewestChain;
        ArchivedLog.Append(chain, Manifest.Read(chain), archive, new RestoreOptions());
        using var restored = new VectorDatabase(new DatabaseEngine(chain, History.Options()));
        Assert.That(await restored.GetDynamicCollection("c").CountAsync(), Is.EqualTo(200));
    }

    /// <summary>A power cut in the middle of a deletion left a segment that nothing follows, and only then an archive was named: what was given up is not waited for.</summary>
    [Test]
    public async Task AnEmptyArchiveTakesNoSegmentThatWasGivenUp()
    {
        var (disk, archive) = (await DiskWithALeftoverAsync(), new MemoryStorage());
        var options = History.Options();
        (options.LogArchive, disk.Archive) = ("archive", () => archive);
        var current = LogSegment.NumbersIn(disk)[^1];
        using var database = new VectorDatabase(new DatabaseEngine(disk, options));
        Assert.That(await database.ArchiveLogAsync(), Is.EqualTo(database.Sequence));
        Assert.That(LogSegment.NumbersIn(archive), Is.EqualTo([current]));
        Assert.That(database.LogArchive!.Failure, Is.Null);
        await database.CheckpointAsync();
        Assert.That(LogSegment.NumbersIn(disk), Has.Count.EqualTo(1));
    }

    /// <summary>The log of a backup is not that of the database which it becomes: nothing of it is left, also when the power goes off, for the archive to stumble over.</summary>
    [Test]
    public async Task ARestoredDatabaseHasNoLogOfAnother()
    {
        var (disk, root) = (new MemoryStorage(), new MemoryStorage());
        using (var database = new VectorDatabase(new DatabaseEngine(disk, History.Options())))
        {
            var collection = database.GetDynamicCollection("c", CrashTests.Definition);
            await collection.EnsureCollectionExistsAsync();
            for (var i = 0; i < 40; i++)
            {
                await collection.UpsertAsync(CrashTests.Record(i, 0));
            }

            database.Engine.Backup(root, new BackupOptions());
        }

        var restored = MemoryStorage.Of(root.NewestChain.Files());
        DatabaseEngine.Restore(restored, History.Options(), new RestoreOptions());
        for (var seed = 0; seed < 8; seed++)
        {
            var cut = restored.CutAfter(restored.Journal.Count, new Random(seed));
            var archive = new MemoryStorage();
            var options = History.Options();
            (options.LogArchive, cut.Archive) = ("archive", () => archive);
            using var database = new VectorDatabase(new DatabaseEngine(cut, options));
            await database.GetDynamicCollection("c").UpsertAsync(CrashTests.Record(40, 0));
            Assert.That(await database.ArchiveLogAsync(), Is.EqualTo(42), $"power cut {seed}");
        }
    }

    /// <summary>A segment got its name in the archive, but making the name durable failed: the next attempt, which finds it there, does that before the segment counts as archived.</summary>
    [Test]
    public async Task ANameThatIsNotDurableIsNotArchived()
    {
        var (archive, isFailing) = (new MemoryStorage(), true);
        var disk = new MemoryStorage { Archive = () => archive };
        archive.Fails = (_, what) => isFailing && what == "flush folder";
        var options = History.Options();
        options.LogArchive = "archive";
        using var database = new VectorDatabase(new DatabaseEngine(disk, options));
        await database.GetDynamicCollection("c", CrashTests.Definition).EnsureCollectionExistsAsync();
        Assert.That(async () => await database.ArchiveLogAsync(), Throws.InstanceOf<DatabaseException>());
        Assert.That(LogSegment.NumbersIn(archive), Is.Not.Empty);
        isFailing = false;
        Assert.That(await database.ArchiveLogAsync(), Is.EqualTo(1));
        for (var seed = 0; seed < 8; seed++)
        {
            Assert.That(LogSegment.NumbersIn(archive.CutAfter(archive.Journal.Count, new Random(seed))), Is.EqualTo(LogSegment.NumbersIn(archive)), $"power cut {seed}");
        }
    }

    [Test]
    public async Task AFolderThatIsNotThereIsNotMade()
    {
        using var folder = new TemporaryFolder();
        await using var database = await VectorDatabase.OpenAsync(new DatabaseOptions { Path = folder["live"], LogArchive = folder["unmounted"] });
        Assert.That(Assert.ThrowsAsync<DatabaseException>(() => database.ArchiveLogAsync())!.Message, Does.Contain(folder["unmounted"]));
        Assert.That(Directory.Exists(folder["unmounted"]), Is.False);
        await using var plain = await VectorDatabase.OpenAsync(folder["plain"]);
        Assert.That(plain.LogArchive, Is.Null);
        Assert.That(Assert.ThrowsAsync<DatabaseException>(() => plain.ArchiveLogAsync())!.Message, Does.Contain("LogArchive"));
    }

    [Test]
    public async Task AGapOrDamageInTheArchiveIsNamed()
    {
        using var folder = new TemporaryFolder();
        Directory.CreateDirectory(folder["archive"]);
        await using (var database = await VectorDatabase.OpenAsync(new DatabaseOptions { Path = folder["live"], LogArchive = folder["archive"] }))
        {
            var collection = database.GetDynamicCollection("c", CrashTests.Definition);
            await collection.EnsureCollectionExistsAsync();
            await database.BackupAsync(folder["backup"]);
            for (var i = 0; i < 4; i++)
            {
                await collection.UpsertAsync(CrashTests.Record(i, 0));
                await collection.UpsertAsync(CrashTests.Record(i, 1));
                await database.ArchiveLogAsync();
            }
        }

        var archived = Directory.GetFiles(Directory.GetDirectories(folder["archive"]).Single()).Order(StringComparer.Ordinal).ToArray();
        Assert.That(archived, Has.Length.EqualTo(5));
        var options = new RestoreOptions { LogArchive = folder["archive"] };
        var bytes = await File.ReadAllBytesAsync(archived[4]);
        await File.WriteAllBytesAsync(archived[4], [.. bytes[..600], (byte)(bytes[600] ^ 1), .. bytes[601..]]);
        Assert.That(Assert.ThrowsAsync<DatabaseCorruptException>(() => VectorDatabase.RestoreAsync(folder["backup"], folder["damaged"], options))!.Path, Is.EqualTo(archived[4]));
        File.Delete(archived[2]);
        Assert.That(Assert.ThrowsAsync<DatabaseException>(() => VectorDatabase.RestoreAsync(folder["backup"], folder["gap"], options))!.Message, Does.Contain("ends with commit 3 (segment 2)").And.Contain("begins with commit 6 (segment 4)"));
        Assert.That(Directory.Exists(folder["gap"]), Is.False);
        Assert.That(await VectorDatabase.RestoreAsync(folder["backup"], folder["before"], options with { ToSequence = 3 }), Is.EqualTo(3));
        Directory.Delete(Path.GetDirectoryName(archived[0])!, recursive: true);
        Assert.That(Assert.ThrowsAsync<DatabaseException>(() => VectorDatabase.RestoreAsync(folder["backup"], folder["none"], options))!.Message, Does.Contain("no log of the database"));
    }

    /// <summary>A backup that was made just after a checkpoint has no log, and needs none of before.</summary>
    [Test]
    public async Task DamageInTheArchiveBeforeTheBackupDoesNotMatter()
    {
        var (archive, backup) = (new MemoryStorage(), new MemoryStorage());
        var disk = new MemoryStorage { Archive = () => archive };
        var options = History.Options();
        options.LogArchive = "archive";
        using (var database = new VectorDatabase(new DatabaseEngine(disk, options)))
        {
            var collection = database.GetDynamicCollection("c", CrashTests.Definition);
            await collection.EnsureCollectionExistsAsync();
            await database.CheckpointAsync();
            database.Engine.Backup(backup, new BackupOptions());
            await collection.UpsertAsync(CrashTests.Record(1, 0));
            Assert.That(await database.ArchiveLogAsync(), Is.EqualTo(2));
        }

        var (chain, numbers) = (backup.NewestChain, LogSegment.NumbersIn(archive));
        Assert.That((LogSegment.NumbersIn(chain).Count, numbers.Count), Is.EqualTo((0, 2)));
        using (var file = archive.Open(LogFormat.Name(numbers[0]), create: false))
        {
            file.Write(600, new byte[8]);
        }

        ArchivedLog.Append(chain, Manifest.Read(chain), archive, new RestoreOptions());
        using var restored = new VectorDatabase(new DatabaseEngine(chain, History.Options()));
        Assert.That(await restored.GetDynamicCollection("c").CountAsync(), Is.EqualTo(1));
    }

    /// <summary>A copy of the folder that goes on by itself must not write its log among that of the first.</summary>
    [Test]
    public async Task AnotherHistoryIsNotMixedIn()
    {
        var archive = new MemoryStorage();
        var options = History.Options();
        options.LogArchive = "archive";
        var disk = new MemoryStorage { Archive = () => archive };
        IReadOnlyDictionary<string, byte[]> copy;
        using (var database = new VectorDatabase(new DatabaseEngine(disk, options)))
        {
            var collection = database.GetDynamicCollection("c", CrashTests.Definition);
            await collection.EnsureCollectionExistsAsync();
            await database.ArchiveLogAsync();
            copy = disk.Files();
            await collection.UpsertAsync(CrashTests.Record(1, 0));
            await database.ArchiveLogAsync();
        }

        var before = archive.Files();
        var second = MemoryStorage.Of(copy);
        second.Archive = disk.Archive;
        using var other = new VectorDatabase(new DatabaseEngine(second, options));
        await other.GetDynamicCollection("c").UpsertAsync(CrashTests.Record(2, 0));
        Assert.That(Assert.ThrowsAsync<DatabaseException>(() => other.ArchiveLogAsync())!.Message, Does.Contain("other commits"));
        Assert.That(archive.Files(), Is.EqualTo(before));
    }

    /// <summary>Days go by with a commit and a segment each, and backups now and then: every moment of the last ten days can be restored, and nothing is kept for longer than that takes.</summary>
    [TestCase(true)]
    [TestCase(false)]
    public async Task LogIsKeptAsLongAsARestoreMayNeedIt(bool isArchived)
    {
        var (disk, archive, clock) = (new MemoryStorage(), new MemoryStorage(), new StepClock());
        var options = History.Options();
        (options.Clock, options.KeepLog, options.LogArchive, disk.Archive) = (clock, !isArchived, isArchived ? "archive" : null, () => archive);
        options.LogRetention = TimeSpan.FromDays(10);
        var kept = isArchived ? archive : disk;
        List<(int Day, MemoryStorage Backup)> backups = [];
        var oldest = 1L;
        VectorDatabase Open() => new(new DatabaseEngine(disk, options));
        var database = Open();
        try
        {
            var collection = database.GetDynamicCollection("c", CrashTests.Definition);
            await collection.EnsureCollectionExistsAsync();
            for (var day = 1; day <= 60; day++)
            {
                clock.Step(TimeSpan.FromDays(1));
                await collection.UpsertAsync(CrashTests.Record(day, 0));
                if (day is 7 or 9 or 21 or 40 or 58)
                {
                    var backup = new MemoryStorage();
                    database.Engine.Backup(backup, new BackupOptions());
                    backups.Add((day, backup));
                }

                await database.CheckpointAsync();
                if (isArchived)
                {
                    await database.ArchiveLogAsync();
                }

                if (day % 13 == 0)
                {
                    database.Dispose(); // the list of backups is read again
                    database = Open();
                    collection = database.GetDynamicCollection("c");
                }

                // Commit 1 made the collection, and commit n + 1 came on day n.
                var needed = backups.LastOrDefault(backup => backup.Day <= day - 10, backups.FirstOrDefault()).Day;
                var expected = needed == 0 ? 1 : Math.Max(1, Math.Min(needed + 2, day - 9));
                oldest = LogSegment.ReadFirstSequence(kept, Manifest.Read(disk).DatabaseId, LogSegment.NumbersIn(kept)[0]);
                Assert.That(oldest, Is.EqualTo(expected == 2 ? 1 : expected), $"day {day}"); // commits 1 and 2 are in one segment
            }

            if (!isArchived)
            {
                Assert.That(database.Engine.Backup(backups[3].Backup, new BackupOptions()).IsIncremental);
            }
        }
        finally
        {
            database.Dispose();
        }

        Assert.That(oldest, Is.EqualTo(42), "after the backup of day 40");
        var last = backups[3].Backup.NewestChain;
        if (isArchived)
        {
            ArchivedLog.Append(last, Manifest.Read(last), archive, new RestoreOptions());
        }

        using var restored = new VectorDatabase(new DatabaseEngine(last, History.Options()));
        Assert.That(await restored.GetDynamicCollection("c").CountAsync(), Is.EqualTo(60));
    }

    /// <summary>A list of backups that cannot be read keeps log; it never gives it up.</summary>
    [Test]
    public void ADamagedListOfBackupsKeepsTheLog()
    {
        var disk = new MemoryStorage();
        var id = Guid.NewGuid();
        var list = new BackupList(disk, id);
        Assert.That(list.FirstNeeded(long.MaxValue), Is.Zero);
        list.Add(time: 100, segment: 4, oldest: 0);
        list.Add(time: 200, segment: 8, oldest: 0);
        list.Add(time: 300, segment: 9, oldest: 0);
        list = new BackupList(disk, id);
        Assert.That((list.FirstNeeded(50), list.FirstNeeded(150), list.FirstNeeded(200), list.FirstNeeded(1000)), Is.EqualTo((5L, 5L, 9L, 10L)));
        list.Add(time: 400, segment: 12, oldest: 250);
        Assert.That(new BackupList(disk, id).FirstNeeded(0), Is.EqualTo(9), "of those before 250 the newest is left");
        Assert.That(new BackupList(disk, Guid.NewGuid()).FirstNeeded(1000), Is.Zero, "of another database");
        var bytes = disk.Files()[BackupList.FileName];
        for (var at = 0; at < bytes.Length; at++)
        {
            byte[] damaged = [.. bytes];
            damaged[at] ^= 16;
            Assert.That(new BackupList(MemoryStorage.Of(new Dictionary<string, byte[]> { [BackupList.FileName] = damaged }), id).FirstNeeded(1000), Is.Zero, $"byte {at}");
            Assert.That(new BackupList(MemoryStorage.Of(new Dictionary<string, byte[]> { [BackupList.FileName] = bytes[..at] }), id).FirstNeeded(1000), Is.Zero, $"cut at {at}");
        }

        for (var i = 0; i < 10_000; i++)
        {
            disk.Journal.Clear(); // it would hold every version
            list.Add(time: 500 + i, segment: 20 + i, oldest: 0);
        }

        list = new BackupList(disk, id);
        Assert.That((list.FirstNeeded(0), list.FirstNeeded(long.MaxValue)), Is.EqualTo((9L, 10_020L)));
        Assert.That(list.FirstNeeded(5500), Is.InRange(4000, 5021), "more than is needed is kept, never less");
        Assert.That(disk.Files()[BackupList.FileName], Has.Length.LessThan(100_000));
    }

    // The first segment is still there, those after it were given up, and the last one is written to.
    private static async Task<MemoryStorage> DiskWithALeftoverAsync()
    {
        var disk = new MemoryStorage();
        Dictionary<string, byte[]> first;
        using (var database = new VectorDatabase(new DatabaseEngine(disk, History.Options())))
        {
            var collection = database.GetDynamicCollection("c", CrashTests.Definition);
            await collection.EnsureCollectionExistsAsync();
            first = disk.Files();
            for (var i = 0; i < 3; i++)
            {
                await collection.UpsertAsync(CrashTests.Record(i, 0));
                await database.CheckpointAsync();
            }

            await collection.UpsertAsync(CrashTests.Record(3, 0));
        }

        var files = disk.Files();
        var leftover = first.Keys.Single(name => LogFormat.Number(name) >= 0);
        files.Add(leftover, first[leftover]);
        var numbers = LogSegment.NumbersIn(MemoryStorage.Of(files));
        Assert.That(numbers, Has.Count.EqualTo(2));
        Assert.That(numbers[1] - numbers[0], Is.GreaterThan(1));
        return MemoryStorage.Of(files);
    }

    private static string Show(SortedDictionary<long, long> model) => string.Join(' ', model.Select(item => $"{item.Key}={item.Value}"));
}
