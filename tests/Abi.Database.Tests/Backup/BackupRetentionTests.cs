using Abi.Database.Backup;
using Abi.Database.Engine;
using Abi.Database.Log;
using Abi.Database.Storage;
using Abi.Database.Tests.Storage;

namespace Abi.Database.Tests.Backup;

/// <summary>Chains of backups in one folder: which are deleted and when, through power cuts and failures, and which one a restore takes.</summary>
[Parallelizable]
public sealed class BackupRetentionTests
{
    /// <summary>Sixty days with a commit and a backup each, a full one now and then: what is kept is what the options say, and every moment that is to be there is.</summary>
    [TestCase(1, null)]
    [TestCase(3, null)]
    [TestCase(1, 10)]
    [TestCase(2, 10)]
    [TestCase(4, 10)]
    public async Task WholeChainsAreKeptByNumberAndByTime(int keep, int? days)
    {
        var (disk, root, clock) = (new MemoryStorage(), new MemoryStorage(), new StepClock());
        var options = History.Options();
        (options.Clock, options.KeepLog) = (clock, true);
        var keepFor = days is { } known ? TimeSpan.FromDays(known) : (TimeSpan?)null;
        using var database = new VectorDatabase(new DatabaseEngine(disk, options));
        var collection = database.GetDynamicCollection("c", CrashTests.Definition);
        await collection.EnsureCollectionExistsAsync();
        List<(int Day, long Sequence, DateTimeOffset Time)> chains = [];
        List<(long Sequence, DateTimeOffset Time)> history = [];
        var random = new Random(keep);
        var deleted = 0;
        for (var day = 1; day <= 60; day++)
        {
            clock.Step(TimeSpan.FromDays(1));
            await collection.UpsertAsync(CrashTests.Record(day, 0));
            history.Add((database.Sequence, clock.GetUtcNow()));
            if (day % 9 == 0)
            {
                await database.CheckpointAsync();
            }

            clock.Step(TimeSpan.FromHours(1));
            var isFull = day == 1 || random.Next(5) == 0;
            var report = database.Engine.Backup(root, new BackupOptions { IsFull = isFull, Keep = keep, KeepFor = keepFor });
            Assert.That(report.IsIncremental, Is.EqualTo(!isFull));
            deleted += report.DeletedChains;
            if (isFull)
            {
                chains.Add((day, report.Sequence, clock.GetUtcNow()));
            }

            // A chain is needed for moments before the next one was begun.
            var first = Math.Max(0, chains.Count - keep);
            if (keepFor is { } time)
            {
                while (first > 0 && chains[first].Time > clock.GetUtcNow() - time)
                {
                    first--;
                }
            }

            Assert.That(BackupFolder.Chains(root).Select(chain => chain.Number), Is.EqualTo(Enumerable.Range(first + 1, chains.Count - first)), $"day {day}");
            Assert.That(root.Folders(), Has.Count.EqualTo(chains.Count - first));
            Assert.That(deleted, Is.EqualTo(first));
            foreach (var (sequence, moment) in history.Where(mark => mark.Time >= chains[first].Time || (keepFor is { } back && mark.Time >= clock.GetUtcNow() - back && mark.Time >= chains[0].Time)))
            {
                Assert.That(Restored(root, new RestoreOptions { ToTime = moment }), Is.EqualTo(sequence), $"day {day}: {moment}");
                Assert.That(Restored(root, new RestoreOptions { ToSequence = sequence }), Is.EqualTo(sequence), $"day {day}: commit {sequence}");
            }
        }

        Assert.That(Verification.RunAll(root, null) is { IsSound: true } all && all.Sequence == database.Sequence);
        Assert.That(deleted, Is.GreaterThan(3));
    }

    /// <summary>The power goes off behind every step: what was acknowledged as a backup can be restored, and the next backup takes away what was cut short.</summary>
    [TestCase(1)]
    [TestCase(2)]
    public async Task APowerCutLeavesASoundBackup(int keep)
    {
        var root = new MemoryStorage();
        List<(int Steps, long Sequence)> acknowledged = [];
        var options = new BackupOptions { Keep = keep };
        var history = await History.RunAsync(14, seed: 12, checkpointsAfter: [5, 9], change: (_, options) => options.KeepLog = true, afterCommit: (i, database) =>
        {
            if (i % 2 == 0)
            {
                var report = database.Engine.Backup(root, options with { IsFull = i % 6 == 0 });
                acknowledged.Add((root.Journal.Count, report.Sequence));
            }

            return Task.CompletedTask;
        });
        var live = History.Options();
        live.KeepLog = true;
        using var engine = new DatabaseEngine(history.Storage, live);
        for (var steps = acknowledged[0].Steps; steps <= root.Journal.Count; steps++)
        {
            var disk = root.CutAfter(steps, new Random(steps));
            var chain = (MemoryStorage)BackupFolder.OpenFor(disk, new RestoreOptions());
            Assert.That(Verification.Run(chain).Problems, Is.Empty, $"cut behind step {steps}");
            Assert.That(chain.Exists(BackupEnd.FileName), $"cut behind step {steps}: a chain knows its end");
            using (var restored = new VectorDatabase(new DatabaseEngine(MemoryStorage.Of(chain.Files()), History.Options())))
            {
                Assert.That(restored.Sequence, Is.GreaterThanOrEqualTo(acknowledged.FindLast(one => one.Steps <= steps).Sequence), $"cut behind step {steps}");
                Assert.That(await History.StateOfAsync(restored), Is.EqualTo(history.States[(int)restored.Sequence]), $"cut behind step {steps}");
            }

            engine.Backup(disk, options with { IsFull = steps % 2 == 0 });
            var chains = BackupFolder.Chains(disk);
            Assert.That(disk.Folders(), Is.EqualTo(chains.Select(one => one.Name)), $"cut behind step {steps}: nothing half is left");
            Assert.That(chains, Has.Count.InRange(1, keep));
            Assert.That(Verification.RunAll(disk, null) is { IsSound: true } report && report.Sequence == engine.Sequence, $"cut behind step {steps}");
        }

        Assert.That(root.Journal.Count - acknowledged[0].Steps, Is.GreaterThan(100));

        // Names reach this disk in their order; others may take the files of a chain away before its manifest.
        var deletions = Enumerable.Range(0, root.Journal.Count).Where(i => root.Journal[i] is { Kind: MemoryStorage.StepKind.Delete } step && step.Name!.EndsWith(Manifest.FileName, StringComparison.Ordinal)).ToList();
        Assert.That(deletions, Is.Not.Empty);
        Assert.That(deletions.Select(i => root.Journal[i + 1].Kind), Is.All.EqualTo(MemoryStorage.StepKind.FlushFolder));
    }

    /// <summary>What a backup that was cut short has left and nobody may delete only takes room.</summary>
    [Test]
    public async Task ALeftoverThatCannotBeDeletedKeepsNobodyFromBackups()
    {
        var root = new MemoryStorage();
        var history = await History.RunAsync(3, seed: 2);
        using var engine = new DatabaseEngine(history.Storage, History.Options());
        engine.Backup(root, new BackupOptions());
        var leftover = root.Folders().Single();
        root.OpenFolder(leftover, create: false).Delete(Manifest.FileName);
        var refused = 0;
        root.Fails = (_, what) => what == "delete" && ++refused > 0;
        for (var i = 1; i <= 2; i++)
        {
            engine.Backup(root, new BackupOptions { Keep = 5, IsFull = true });
            Assert.That(refused, Is.EqualTo(i));
            Assert.That(BackupFolder.Chains(root), Has.Count.EqualTo(i));
        }

        root.Fails = null;
        engine.Backup(root, new BackupOptions { Keep = 5 });
        Assert.That(root.Folders(), Does.Not.Contain(leftover).And.Count.EqualTo(2));
        Assert.That(Verification.RunAll(root, null).IsSound);
    }

    /// <summary>Each call to the disk of the backups fails once: there is a sound backup all the time, and the error says when the new one is it.</summary>
    [Test]
    public async Task AFailureLeavesASoundBackup()
    {
        var root = new MemoryStorage();
        var history = await History.RunAsync(6, seed: 2, checkpointsAfter: [3]);
        using var engine = new DatabaseEngine(history.Storage, History.Options());
        engine.Backup(root, new BackupOptions());
        var (failing, failures, isWhole, late) = (0, 0, false, 0);
        root.Fails = (call, _) => call == failing;
        while (!isWhole)
        {
            failing = root.Calls + 1 + failures;
            var before = BackupFolder.Chains(root)[^1].Name;
            try
            {
                engine.Backup(root, new BackupOptions { IsFull = true });
                isWhole = root.Calls < failing; // it did not get that far
            }
            catch (Exception error) when (error is IOException or DatabaseException { InnerException: IOException })
            {
                failures++;
                if (error is DatabaseException)
                {
                    late++;
                    Assert.That(BackupFolder.Chains(root)[^1].Name, Is.Not.EqualTo(before));
                    Assert.That(error.Message, Does.Contain($"{BackupFolder.Chains(root)[^1].Name} is whole, up to commit {engine.Sequence}"));
                }
                else
                {
                    Assert.That(root.Folders(), Has.Count.EqualTo(BackupFolder.Chains(root).Count), "what it had written only takes room");
                }
            }

            Assert.That(Verification.Run(BackupFolder.OpenFor(root, new RestoreOptions())) is { IsSound: true } report && report.Sequence == engine.Sequence, $"failure {failures}");
        }

        Assert.That(failures, Is.GreaterThan(10));
        Assert.That(late, Is.GreaterThan(1));
        Assert.That(root.Folders(), Has.Count.EqualTo(1));
    }

    /// <summary>Who restores a chain that a later backup takes away meanwhile is told so, and not that it is damaged or no database.</summary>
    [Test]
    public async Task AChainThatIsDeletedWhileItIsRestoredIsSaidToBe()
    {
        var root = new MemoryStorage();
        using var database = new VectorDatabase(new DatabaseEngine(new MemoryStorage(), History.Options()));
        var collection = database.GetDynamicCollection("c", CrashTests.Definition);
        await collection.EnsureCollectionExistsAsync();
        await collection.UpsertAsync(CrashTests.Record(1, 0));
        await database.CheckpointAsync();
        database.Engine.Backup(root, new BackupOptions());
        root.Reading = (name, _) =>
        {
            if (name.Contains("rows-", StringComparison.Ordinal))
            {
                root.Reading = null;
                database.Engine.Backup(root, new BackupOptions { IsFull = true });
            }
        };
        Assert.That(() => BackupFolder.Copy(root, new MemoryStorage(), new RestoreOptions()), Throws.TypeOf<DatabaseException>().With.Message.Contains("deleted while"));
        var target = new MemoryStorage();
        BackupFolder.Copy(root, target, new RestoreOptions());
        Assert.That(DatabaseEngine.Restore(target, History.Options(), new RestoreOptions()), Is.EqualTo(database.Sequence));
    }

    /// <summary>A file of the database is damaged, so no backup of it can be sound: what was copied is none, and earlier ones are kept beside the next that is.</summary>
    [Test]
    public async Task WhatIsNotSoundIsNoBackup()
    {
        var (disk, root) = (new MemoryStorage(), new MemoryStorage());
        using var database = new VectorDatabase(new DatabaseEngine(disk, History.Options()));
        var collection = database.GetDynamicCollection("c", CrashTests.Definition);
        await collection.EnsureCollectionExistsAsync();
        await collection.UpsertAsync(CrashTests.Record(1, 0));
        await database.CheckpointAsync();
        var options = new BackupOptions { IsFull = true, Keep = 2 };
        var first = database.Engine.Backup(root, options);
        var rows = disk.List().Single(name => name.StartsWith("rows-", StringComparison.Ordinal));
        Flip();
        for (var i = 0; i < 3; i++)
        {
            Assert.That(() => database.Engine.Backup(root, options), Throws.TypeOf<DatabaseException>().With.Message.Contains("not sound").And.Message.Contains(rows));
            Assert.That(BackupFolder.Chains(root).Select(chain => chain.Number), Is.EqualTo([1L]));
            Assert.That(root.Folders(), Has.Count.LessThanOrEqualTo(2), "of what is none, the last at most");
            Assert.That(Restored(root, new RestoreOptions()), Is.EqualTo(first.Sequence));
        }

        Flip();
        Assert.That(database.Engine.Backup(root, options).DeletedChains, Is.Zero);
        Assert.That(BackupFolder.Chains(root), Has.Count.EqualTo(2));
        Assert.That(Verification.RunAll(root, null).IsSound);

        void Flip()
        {
            using var file = disk.Open(rows, create: false);
            var one = new byte[1];
            _ = file.Read(5000, one);
            file.Write(5000, [(byte)(one[0] ^ 1)]);
        }
    }

    /// <summary>Without the log between two backups, the later one alone knows moments from its own log; one that its files have passed is restored from the earlier one, if that goes so far. A commit that is larger than a segment leaves an empty one before it.</summary>
    [Test]
    public async Task AMomentIsRestoredFromTheNewestBackupThatKnowsIt([Values(10, 5000)] int length)
    {
        var (disk, root, clock) = (new MemoryStorage(), new MemoryStorage(), new StepClock());
        var options = History.Options();
        options.Clock = clock;
        using var database = new VectorDatabase(new DatabaseEngine(disk, options));
        var collection = database.GetDynamicCollection("c", CrashTests.Definition);
        await collection.EnsureCollectionExistsAsync();
        List<DateTimeOffset> moments = [clock.GetUtcNow()];
        for (var commit = 2; commit <= 5; commit++)
        {
            clock.Step();
            var record = CrashTests.Record(commit, 0);
            record["text"] = new string('x', length);
            await collection.UpsertAsync(record);
            moments.Add(clock.GetUtcNow());
            if (commit == 2)
            {
                database.Engine.Backup(root, new BackupOptions());
            }
            else if (commit == 3)
            {
                await database.CheckpointAsync();
            }
        }

        clock.Step();
        Assert.That(database.Engine.Backup(root, new BackupOptions { Keep = 2 }).IsIncremental, Is.False);
        int[] known = [0, 1, 3, 4];
        Assert.That(known.Select(index => Restored(root, new RestoreOptions { ToTime = moments[index] })), Is.EqualTo([1L, 2, 4, 5]));

        // Neither has commit 3 in its log, so that nobody knows when it was made.
        Assert.That(() => Restored(root, new RestoreOptions { ToTime = moments[2] }), Throws.TypeOf<DatabaseException>().With.Message.Contains("ends with commit 2").And.Message.Contains("begins with commit 3"));
        Assert.That(Restored(root, new RestoreOptions { ToSequence = 3 }), Is.EqualTo(3));
    }

    /// <summary>A process that only reads backs up a log whose last segment the writer has just begun: what is empty hides no moment that the segment before it knows.</summary>
    [Test]
    public async Task AnEmptySegmentAtTheEndHidesNoMoment()
    {
        var (disk, root, clock) = (new MemoryStorage(), new MemoryStorage(), new StepClock());
        DatabaseOptions writing = History.Options(), reading = History.Options();
        (writing.Clock, reading.Clock, reading.Access) = (clock, clock, DatabaseAccess.ReadOnly);
        using var database = new VectorDatabase(new DatabaseEngine(disk, writing));
        var collection = database.GetDynamicCollection("c", CrashTests.Definition);
        await collection.EnsureCollectionExistsAsync();
        List<DateTimeOffset> moments = [];
        for (var commit = 2; commit <= 3; commit++)
        {
            clock.Step();
            await collection.UpsertAsync(CrashTests.Record(commit, 0));
            moments.Add(clock.GetUtcNow());
        }

        await database.BackupAsync(new MemoryStream()); // ends the segment
        clock.Step();
        using (var reader = new DatabaseEngine(disk, reading))
        {
            reader.Backup(root, new BackupOptions());
        }

        var chain = root.NewestChain;
        var numbers = LogSegment.NumbersIn(chain);
        Assert.That(LogSegment.Read(chain, Manifest.Read(chain).DatabaseId, numbers[^1]).LastTime, Is.EqualTo(long.MinValue), "empty");
        clock.Step();
        await collection.UpsertAsync(CrashTests.Record(4, 0));
        await database.CheckpointAsync();
        clock.Step();
        Assert.That(database.Engine.Backup(root, new BackupOptions { Keep = 2 }).IsIncremental, Is.False);
        Assert.That(moments.Select(moment => Restored(root, new RestoreOptions { ToTime = moment })), Is.EqualTo([2L, 3]));
    }

    /// <summary>The newest chain cannot be looked into, for it is damaged or has another key: a commit or moment that an earlier one has is restored from that, and no other is taken for it.</summary>
    [Test]
    public async Task ACommitIsRestoredPastAChainThatCannotBeRead([Values] bool isDamaged)
    {
        using var folder = new TemporaryFolder();
        using EncryptionKey before = EncryptionKey.FromBytes(new byte[32]), after = EncryptionKey.FromBytes([.. Enumerable.Repeat((byte)1, 32)]);
        var clock = new StepClock();
        await using var database = await VectorDatabase.OpenAsync(new DatabaseOptions { Path = folder["live"], EncryptionKey = before, Clock = clock });
        var collection = database.GetDynamicCollection("c", CrashTests.Definition);
        await collection.EnsureCollectionExistsAsync();
        await collection.UpsertAsync(CrashTests.Record(1, 0));
        var known = clock.GetUtcNow();
        clock.Step();
        await database.BackupAsync(folder["backups"]);
        clock.Step();
        await collection.UpsertAsync(CrashTests.Record(2, 0));
        var between = clock.GetUtcNow();
        clock.Step();
        await database.CheckpointAsync();
        if (!isDamaged)
        {
            await database.ChangeKeyAsync(after);
        }

        Assert.That((await database.BackupAsync(folder["backups"], new BackupOptions { Keep = 2 })).IsIncremental, Is.False);
        if (isDamaged)
        {
            File.WriteAllBytes(Path.Combine(Directory.GetDirectories(folder["backups"]).Max()!, Manifest.FileName), [1, 2, 3]);
        }

        var options = new RestoreOptions { EncryptionKey = before };
        Assert.That(await VectorDatabase.RestoreAsync(folder["backups"], folder["a"], options with { ToSequence = 2 }), Is.EqualTo(2));
        Assert.That(await VectorDatabase.RestoreAsync(folder["backups"], folder["c"], options with { ToTime = known }), Is.EqualTo(2));
        Assert.That(() => VectorDatabase.RestoreAsync(folder["backups"], folder["b"], options with { ToTime = between }),
            Throws.TypeOf<DatabaseException>().With.Message.Contains("ends with commit 2").And.Message.Contains(Path.GetFileName(Directory.GetDirectories(folder["backups"]).Max()!)));
        Assert.That(() => VectorDatabase.RestoreAsync(folder["backups"], folder["b"], options with { ToSequence = 3 }), Throws.TypeOf<DatabaseException>().With.Message.Contains("Commit 3 is not there"));
        Assert.That(() => VectorDatabase.RestoreAsync(folder["backups"], folder["b"], options), Throws.TypeOf(isDamaged ? typeof(DatabaseCorruptException) : typeof(DatabaseKeyException)));
    }

    /// <summary>The disk cannot read one chain any more: the next backup begins another one, checking tells, and what the others have is restored.</summary>
    [Test]
    public async Task AChainThatTheDiskCannotReadHindersNoOther()
    {
        var root = new MemoryStorage();
        using var database = new VectorDatabase(new DatabaseEngine(new MemoryStorage(), History.Options()));
        var collection = database.GetDynamicCollection("c", CrashTests.Definition);
        await collection.EnsureCollectionExistsAsync();
        database.Engine.Backup(root, new BackupOptions());
        await collection.UpsertAsync(CrashTests.Record(1, 0));
        await database.CheckpointAsync();
        database.Engine.Backup(root, new BackupOptions { Keep = 2 });
        var unreadable = $"{BackupFolder.Chains(root)[1].Name}/{Manifest.FileName}";
        root.Reading = (name, _) =>
        {
            if (name == unreadable)
            {
                throw new IOException("The disk cannot read this.");
            }
        };
        Assert.That(Restored(root, new RestoreOptions { ToSequence = 1 }), Is.EqualTo(1));
        await collection.UpsertAsync(CrashTests.Record(2, 0));
        Assert.That(database.Engine.Backup(root, new BackupOptions { Keep = 3 }), Has.Property(nameof(BackupReport.IsIncremental)).False.And.Property(nameof(BackupReport.Sequence)).EqualTo(3));
        Assert.That(Restored(root, new RestoreOptions()), Is.EqualTo(3));
        Assert.That(Verification.RunAll(root, null).Problems, Is.EqualTo((string[])["The disk cannot read this."]));
    }

    [Test]
    public async Task OnlyWholeChainsOfTheSameDatabaseAreDeleted()
    {
        using var folder = new TemporaryFolder();
        await using var database = await VectorDatabase.OpenAsync(folder["live"]);
        await database.GetDynamicCollection("c", CrashTests.Definition).EnsureCollectionExistsAsync();
        await using var other = await VectorDatabase.OpenAsync(folder["other"]);
        await other.GetDynamicCollection("c", CrashTests.Definition).EnsureCollectionExistsAsync();
        string[] foreign = ["backup-000001", "backup-1-20260101T000000000Z-00000000", "backup-000001-20260101T000000000Z-0000000x", "photographs"];
        foreach (var name in foreign)
        {
            Directory.CreateDirectory(Path.Combine(folder["backups"], name));
        }

        await other.BackupAsync(folder["backups"]);
        for (var i = 0; i < 3; i++)
        {
            Assert.That((await database.BackupAsync(folder["backups"], new BackupOptions { IsFull = true })).DeletedChains, Is.EqualTo(i == 0 ? 0 : 1));
        }

        var left = Directory.GetDirectories(folder["backups"]).Select(path => Path.GetFileName(path)).Except(foreign).Order(StringComparer.Ordinal).Select(name => BackupChain.Parse(name)!).ToList();
        Assert.That(left.Select(chain => chain.Number), Is.EqualTo(new[] { 1L, 4 }));
        Assert.That(left[0].Database, Is.Not.EqualTo(left[1].Database));
        Assert.That((await VectorDatabase.VerifyAsync(folder["backups"])).IsSound);
        await VectorDatabase.RestoreAsync(Path.Combine(folder["backups"], left[0].Name), folder["r0"]);

        // Neither a database nor a folder that another one is writing to.
        Assert.That(Assert.ThrowsAsync<DatabaseException>(() => database.BackupAsync(folder["live"]))!.Message, Does.Contain("database itself"));
        Assert.That(Assert.ThrowsAsync<DatabaseException>(() => database.BackupAsync(folder["other"]))!.Message, Does.Contain("database itself"));
        using (new BackupFolder(new DiskStorage(folder["backups"], create: false), Guid.NewGuid()))
        {
            Assert.That(Assert.ThrowsAsync<DatabaseException>(() => database.BackupAsync(folder["backups"]))!.Message, Does.Contain("Another backup"));
        }

        Assert.That(Assert.ThrowsAsync<DatabaseException>(() => VectorDatabase.RestoreAsync(folder["photographs"], folder["r1"]))!.Message, Does.Contain("does not exist"));
        Directory.CreateDirectory(folder["empty"]);
        Assert.That(Assert.ThrowsAsync<DatabaseException>(() => VectorDatabase.RestoreAsync(folder["empty"], folder["r1"]))!.Message, Does.Contain("no backup in"));
        Assert.That(() => database.BackupAsync(folder["backups"], new BackupOptions { Keep = 0 }), Throws.TypeOf<ArgumentOutOfRangeException>());
        Assert.That(() => database.BackupAsync(folder["backups"], new BackupOptions { KeepFor = TimeSpan.Zero }), Throws.TypeOf<ArgumentOutOfRangeException>());
    }

    /// <summary>A database that was made in a folder of backups would be restored in their place.</summary>
    [Test]
    public async Task AFolderOfBackupsIsNotOpenedAsADatabase([Values] DatabaseAccess access, [Values] bool hasKey)
    {
        using var folder = new TemporaryFolder();
        using var key = hasKey ? EncryptionKey.FromBytes(new byte[32]) : null;
        await using (var database = await VectorDatabase.OpenAsync(folder["live"]))
        {
            await database.GetDynamicCollection("c", CrashTests.Definition).EnsureCollectionExistsAsync();
            await database.BackupAsync(folder["backups"]);
        }

        var before = Directory.GetFileSystemEntries(folder["backups"]);
        Assert.That(() => VectorDatabase.OpenAsync(new DatabaseOptions { Path = folder["backups"], Access = access, EncryptionKey = key }), Throws.TypeOf<DatabaseException>().With.Message.Contains("folder of backups"));
        Assert.That(Directory.GetFileSystemEntries(folder["backups"]), Is.EquivalentTo(before));
        Assert.That(await VectorDatabase.RestoreAsync(folder["backups"], folder["restored"]), Is.EqualTo(1));
    }

    /// <summary>Checking takes the key of the newest backup. Those of other databases in the folder, and those made before the key was changed, are checked as far as that goes, which is told and is no damage.</summary>
    [Test]
    public async Task BackupsThatHaveAnotherKeyAreNotDamaged()
    {
        using var folder = new TemporaryFolder();
        using EncryptionKey before = EncryptionKey.FromBytes(new byte[32]), after = EncryptionKey.FromBytes([.. Enumerable.Repeat((byte)1, 32)]);
        async Task<BackupChain> BackupAsync(string name, EncryptionKey? key, EncryptionKey? next = null)
        {
            await using var database = await VectorDatabase.OpenAsync(new DatabaseOptions { Path = folder[name], EncryptionKey = key });
            var collection = database.GetDynamicCollection("c", CrashTests.Definition);
            await collection.EnsureCollectionExistsAsync();
            if (next is not null)
            {
                await database.ChangeKeyAsync(next);
                await collection.UpsertAsync(CrashTests.Record(1, 0));
                await database.CheckpointAsync(); // nothing is added to the backup before, which would give it the key
            }

            await database.BackupAsync(folder["backups"], new BackupOptions { IsFull = true, Keep = 2 });
            using var root = new DiskStorage(folder["backups"], create: false);
            return BackupFolder.Chains(root)[^1];
        }

        var plain = await BackupAsync("plain", null);
        var first = await BackupAsync("encrypted", before);
        Assert.That(await VectorDatabase.VerifyAsync(folder["backups"], before), Has.Property(nameof(VerificationReport.IsSound)).True.And.Property(nameof(VerificationReport.IsSealed)).False);
        await BackupAsync("encrypted", before, after);
        Assert.That(await VectorDatabase.VerifyAsync(folder["backups"], after), Has.Property(nameof(VerificationReport.IsSound)).True.And.Property(nameof(VerificationReport.IsSealed)).True);
        Assert.ThrowsAsync<DatabaseKeyException>(() => VectorDatabase.VerifyAsync(folder["backups"], before));

        // A plain one can only be somebody else's.
        Directory.Move(Path.Combine(folder["backups"], plain.Name), Path.Combine(folder["backups"], (plain with { Database = first.Database }).Name));
        Assert.That((await VectorDatabase.VerifyAsync(folder["backups"], after)).Problems.Single(), Does.Contain("not encrypted"));
    }

    [Test]
    public async Task ACommitBeforeAllBackupsIsNamed()
    {
        using var folder = new TemporaryFolder();
        await using var database = await VectorDatabase.OpenAsync(folder["live"]);
        var collection = database.GetDynamicCollection("c", CrashTests.Definition);
        await collection.EnsureCollectionExistsAsync();
        await collection.UpsertAsync(CrashTests.Record(1, 0));
        await collection.UpsertAsync(CrashTests.Record(2, 0));
        await database.CheckpointAsync();
        await database.BackupAsync(folder["backups"], new BackupOptions { Keep = 2 });
        await collection.UpsertAsync(CrashTests.Record(3, 0));
        await database.CheckpointAsync();
        await database.BackupAsync(folder["backups"], new BackupOptions { Keep = 2 });
        Assert.That(await VectorDatabase.RestoreAsync(folder["backups"], folder["r3"], new RestoreOptions { ToSequence = 3 }), Is.EqualTo(3), "of the older chain");
        Assert.That(await VectorDatabase.RestoreAsync(folder["backups"], folder["r4"]), Is.EqualTo(4));
        Assert.That(Assert.ThrowsAsync<DatabaseException>(() => VectorDatabase.RestoreAsync(folder["backups"], folder["r2"], new RestoreOptions { ToSequence = 2 }))!.Message, Does.Contain("begins with commit 3"));
        Assert.That(Directory.Exists(folder["r2"]), Is.False);
    }

    /// <summary>The files of a backup do not say when their last commit was made, only that it was before the backup: what may be a state of another moment is refused, and the way to it named.</summary>
    [Test]
    public async Task AMomentBeforeAllBackupsIsNamed()
    {
        using var folder = new TemporaryFolder();
        var clock = new StepClock();
        var begun = clock.GetUtcNow();
        using var stream = new MemoryStream();
        Directory.CreateDirectory(folder["archive"]);
        DateTimeOffset made, next;
        await using (var database = await VectorDatabase.OpenAsync(new DatabaseOptions { Path = folder["live"], Clock = clock, LogArchive = folder["archive"] }))
        {
            var collection = database.GetDynamicCollection("c", CrashTests.Definition);
            await collection.EnsureCollectionExistsAsync();
            clock.Step();
            await collection.UpsertAsync(CrashTests.Record(1, 0));
            await database.CheckpointAsync();
            clock.Step();
            made = clock.GetUtcNow();
            await database.BackupAsync(folder["backups"]);
            await database.BackupAsync(stream);
            clock.Step();
            next = clock.GetUtcNow();
            await collection.UpsertAsync(CrashTests.Record(2, 0));
            await database.ArchiveLogAsync();
        }

        var number = 0;
        async Task<long> RestoreAsync(string from, RestoreOptions options)
        {
            stream.Position = 0;
            return from == "stream" ? await VectorDatabase.RestoreAsync(stream, folder[$"r{++number}"], options) : await VectorDatabase.RestoreAsync(from, folder[$"r{++number}"], options);
        }

        foreach (var from in (string[])[folder["backups"], Directory.GetDirectories(folder["backups"]).Single() + Path.DirectorySeparatorChar, "stream"])
        {
            foreach (var archive in (string?[])[null, folder["archive"]])
            {
                var options = new RestoreOptions { LogArchive = archive };
                var error = Assert.ThrowsAsync<DatabaseException>(() => RestoreAsync(from, options with { ToTime = made.AddTicks(-1) }));
                Assert.That(error!.Message, Does.Contain("begins with commit 2").And.Contain($"the earliest moment that it can be restored to is {made.UtcDateTime:O}"), from);
                Assert.That(Directory.Exists(folder[$"r{number}"]), Is.False);
                Assert.That(await RestoreAsync(from, options with { ToTime = made }), Is.EqualTo(2), from);
                Assert.That(await RestoreAsync(from, options with { ToTime = begun, ToSequence = 2 }), Is.EqualTo(2), "asked for");
                Assert.That(await RestoreAsync(from, options with { ToTime = next }), Is.EqualTo(archive is null ? 2 : 3), from);
            }
        }

        // With a key, the restored database is written anew by another way.
        using var key = EncryptionKey.FromBytes(new byte[32]);
        Assert.That(Assert.ThrowsAsync<DatabaseException>(() => RestoreAsync("stream", new RestoreOptions { ToTime = begun, EncryptionKey = key }))!.Message, Does.Contain("earliest moment"));
    }

    /// <summary>What the log of a backup has says when it was made, also before the backup was; and before its first commit a database was empty.</summary>
    [Test]
    public async Task MomentsBeforeABackupThatItsLogKnowsAreRestored()
    {
        using var folder = new TemporaryFolder();
        var clock = new StepClock();
        List<DateTimeOffset> moments = [clock.GetUtcNow()];
        await using var database = await VectorDatabase.OpenAsync(new DatabaseOptions { Path = folder["live"], Clock = clock });
        var collection = database.GetDynamicCollection("c", CrashTests.Definition);
        for (var commit = 1; commit <= 5; commit++)
        {
            clock.Step();
            moments.Add(clock.GetUtcNow());
            await (commit == 1 ? collection.EnsureCollectionExistsAsync() : collection.UpsertAsync(CrashTests.Record(commit, 0)));
            if (commit == 1)
            {
                clock.Step();
                await database.BackupAsync(folder["from the beginning"]);
            }
        }

        Assert.That(await VectorDatabase.RestoreAsync(folder["from the beginning"], folder["r0"], new RestoreOptions { ToTime = moments[0] }), Is.Zero);
        await database.CheckpointAsync();
        for (var commit = 6; commit <= 7; commit++)
        {
            clock.Step();
            moments.Add(clock.GetUtcNow());
            await collection.UpsertAsync(CrashTests.Record(commit, 0));
        }

        clock.Step();
        await database.BackupAsync(folder["later"]);
        Assert.That(await VectorDatabase.RestoreAsync(folder["later"], folder["r7"], new RestoreOptions { ToTime = moments[7] }), Is.EqualTo(7));
        Assert.That(await VectorDatabase.RestoreAsync(folder["later"], folder["r6"], new RestoreOptions { ToTime = moments[6] }), Is.EqualTo(6));
        Assert.That(Assert.ThrowsAsync<DatabaseException>(() => VectorDatabase.RestoreAsync(folder["later"], folder["r5"], new RestoreOptions { ToTime = moments[5] }))!.Message,
            Does.Contain("begins with commit 5").And.Contain($"is {moments[6].UtcDateTime:O}"));
        Assert.That(await VectorDatabase.RestoreAsync(folder["later"], folder["r5"], new RestoreOptions { ToSequence = 5 }), Is.EqualTo(5));
    }

    private static long Restored(MemoryStorage root, RestoreOptions limits)
    {
        var chain = (MemoryStorage)BackupFolder.OpenFor(root, limits);
        return DatabaseEngine.Restore(MemoryStorage.Of(chain.Files()), History.Options(), limits);
    }
}
