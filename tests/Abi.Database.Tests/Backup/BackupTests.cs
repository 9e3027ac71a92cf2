using Abi.Database.Backup;
using Abi.Database.Encryption;
using Abi.Database.Engine;
using Abi.Database.Log;
using Abi.Database.Storage;
using Abi.Database.Tests.Storage;

namespace Abi.Database.Tests.Backup;

/// <summary>Promise 7: backups made while the database is in use, restored to any commit.</summary>
[Parallelizable]
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
            Assert.That(Manifest.Read(Open(target, null)).DatabaseId, Is.Not.EqualTo(Manifest.Read(Open(folder["live"], null)).DatabaseId), "what follows is another history");
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
        var file = Directory.GetFiles(folder["backup"], "rows-*", SearchOption.AllDirectories).Single();
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

    /// <summary>The end of a backup's log is damaged or lost: restoring leaves it out only when asked to.</summary>
    [Test]
    public async Task ADamagedOrLostEndIsNamed([Values] bool isEncrypted, [Values("bit", "frame", "cut", "file")] string damage)
    {
        using var folder = new TemporaryFolder();
        using var key = isEncrypted ? EncryptionKey.FromBytes(new byte[32]) : null;
        Directory.CreateDirectory(folder["archive"]);
        await using var database = await VectorDatabase.OpenAsync(new DatabaseOptions { Path = folder["live"], KeepLog = true, LogArchive = folder["archive"], EncryptionKey = key });
        var collection = database.GetDynamicCollection("c", Definition);
        await collection.EnsureCollectionExistsAsync();
        await collection.UpsertAsync(Record(1));
        await database.BackupAsync(folder["backup"]);
        var sound = database.Sequence;
        await collection.UpsertAsync(Record(2));
        if (damage != "file")
        {
            sound = database.Sequence;
            await collection.UpsertAsync(Record(3));
        }

        await database.BackupAsync(folder["backup"]);
        await database.BackupAsync(folder["backup"]); // nothing is new
        var file = Directory.GetFiles(folder["backup"], "log-*", SearchOption.AllDirectories).Max()!;
        Spoil(file, damage);

        var end = database.Sequence;
        Assert.That((await VectorDatabase.VerifyAsync(folder["backup"], key)).Problems.Single(), Does.Contain($"up to commit {end}").And.Contain($"up to commit {sound} (").And.Contain(damage == "file" ? "log-" : Path.GetFileName(file)));
        if (isEncrypted && damage is "bit" or "cut")
        {
            Assert.That((await VectorDatabase.VerifyAsync(folder["backup"])).Problems.Single(), Does.Contain(Path.GetFileName(file)), "without the key");
        }

        Assert.That(async () => await VectorDatabase.RestoreAsync(folder["backup"], folder["a"], new RestoreOptions { EncryptionKey = key }), Throws.TypeOf<DatabaseCorruptException>().With.Message.Contains($"up to commit {sound} ("));
        Assert.That(async () => await VectorDatabase.RestoreAsync(folder["backup"], folder["a"], new RestoreOptions { EncryptionKey = key, ToSequence = end }), Throws.TypeOf<DatabaseCorruptException>());
        Assert.That(await VectorDatabase.RestoreAsync(folder["backup"], folder["a"], new RestoreOptions { EncryptionKey = key, ToSequence = sound }), Is.EqualTo(sound));
        await using (var restored = await VectorDatabase.OpenAsync(new DatabaseOptions { Path = folder["a"], EncryptionKey = key }))
        {
            Assert.That(File.Exists(Path.Combine(folder["a"], BackupEnd.FileName)), Is.False, "it is a database now, whose log goes on");
            Assert.That(await restored.GetDynamicCollection("c").CountAsync(), Is.EqualTo(damage == "file" ? 1 : 2));
        }

        // The archive has what the backup lost, unless it lost it, too.
        await database.ArchiveLogAsync();
        var archived = new RestoreOptions { EncryptionKey = key, LogArchive = folder["archive"] };
        Assert.That(await VectorDatabase.RestoreAsync(folder["backup"], folder["b"], archived), Is.EqualTo(end));
        Directory.Delete(Directory.GetDirectories(folder["archive"]).Single(), recursive: true);
        using (var backup = Open(Directory.GetDirectories(folder["backup"]).Single(), key))
        using (backup.Encryption)
        {
            Directory.CreateDirectory(Path.Combine(folder["archive"], Manifest.Read(backup).DatabaseId.ToString("N")));
        }

        Assert.That(async () => await VectorDatabase.RestoreAsync(folder["backup"], folder["c"], archived), Throws.TypeOf<DatabaseCorruptException>().With.Message.Contains($"up to commit {end}"));
        Assert.That(await VectorDatabase.RestoreAsync(folder["backup"], folder["c"], archived with { ToSequence = sound }), Is.EqualTo(sound));

        // The next backup is a full one.
        Assert.That((await database.BackupAsync(folder["backup"])).IsIncremental, Is.False);
        Assert.That(await VectorDatabase.RestoreAsync(folder["backup"], folder["d"], new RestoreOptions { EncryptionKey = key }), Is.EqualTo(end));
    }

    [Test]
    public async Task NoByteOfTheEndOfABackupIsLostOrChangedUnnoticed()
    {
        var (disk, backup) = (new MemoryStorage(), new MemoryStorage());
        var options = History.Options();
        options.KeepLog = true;
        using (var engine = new DatabaseEngine(disk, options))
        {
            using var database = new VectorDatabase(engine);
            var collection = database.GetDynamicCollection("c", Definition);
            await collection.EnsureCollectionExistsAsync();
            engine.Backup(backup, new BackupOptions());
            for (var i = 0; i < 4; i++)
            {
                await collection.UpsertAsync(Record(i));
            }

            Assert.That(engine.Backup(backup, new BackupOptions()).IsIncremental);
        }

        var files = backup.NewestChain.Files();
        Assert.That(Verification.Run(MemoryStorage.Of(files)).IsSound);
        foreach (var name in (string[])[files.Keys.Last(name => LogFormat.Number(name) >= 0), BackupEnd.FileName])
        {
            var bytes = files[name];
            void Check(byte[] changed, string what)
            {
                var report = Verification.Run(MemoryStorage.Of(new Dictionary<string, byte[]>(files, StringComparer.Ordinal) { [name] = changed }));
                Assert.That(report.Problems, Has.Length.EqualTo(1).And.Some.Contains(name), what);
            }

            for (var at = 0; at < bytes.Length; at++)
            {
                Check(bytes[..at], $"{name} cut at {at}");
                byte[] changed = [.. bytes];
                changed[at] ^= 4;
                Check(changed, $"{name} changed at {at}");
            }

            Check([.. bytes, 1], $"{name} with a byte more");
        }
    }

    /// <summary>Verifying reads a database that is written to: commits do not wait, and what was committed meanwhile is not looked at.</summary>
    [Test]
    public async Task CommitsGoOnWhileAllIsVerified()
    {
        var disk = new MemoryStorage();
        using var engine = new DatabaseEngine(disk, History.Options());
        using var database = new VectorDatabase(engine);
        var collection = database.GetDynamicCollection("c", Definition);
        await collection.EnsureCollectionExistsAsync();
        for (var i = 0; i < 100; i++)
        {
            await collection.UpsertAsync(Record(i));
            if (i == 50)
            {
                await database.CheckpointAsync();
            }
        }

        var (before, reads) = (database.Sequence, 0);
        disk.Reading = (name, _) =>
        {
            if (name.StartsWith("rows-", StringComparison.Ordinal) || LogFormat.Number(name) >= 0)
            {
                var commit = Task.Run(() => collection.UpsertAsync(Record(1000 + Interlocked.Increment(ref reads))));
                Assert.That(commit.Wait(TimeSpan.FromSeconds(20)), $"a commit waits while {name} is read");
            }
        };
        var report = await database.VerifyAsync();
        disk.Reading = null;
        Assert.That(report.Problems, Is.Empty);
        Assert.That(report.Sequence, Is.EqualTo(before));
        Assert.That(database.Sequence, Is.EqualTo(before + reads).And.GreaterThan(before + 3));

        // The last frame on the disk is damaged.
        var log = disk.List().Last(name => LogFormat.Number(name) >= 0);
        using (var file = disk.Open(log, create: false))
        {
            var end = LogSegment.Read(disk, Manifest.Read(disk).DatabaseId, LogFormat.Number(log)).Bytes.Length;
            var last = new byte[1];
            _ = file.Read(end - 20, last);
            last[0] ^= 1;
            file.Write(end - 20, last);
        }

        report = await database.VerifyAsync();
        Assert.That(report.Problems.Single(), Does.Contain($"but {database.Sequence} was acknowledged").Or.Contain($"sequence {database.Sequence} is damaged"));
    }

    /// <summary>A process that only reads takes a later state when a checkpoint comes in between: the backup is as old as that, and cannot be restored to a moment before.</summary>
    [Test]
    public async Task ABackupIsAsOldAsWhatItHas([Values] bool isStream)
    {
        using var folder = new TemporaryFolder();
        var (disk, clock) = (new MemoryStorage(), new StepClock());
        var options = History.Options();
        options.Clock = clock;
        using var writer = new VectorDatabase(new DatabaseEngine(disk, options));
        var collection = writer.GetDynamicCollection("c", Definition);
        await collection.EnsureCollectionExistsAsync();
        await writer.CheckpointAsync();
        var readOnly = History.Options();
        (readOnly.Access, readOnly.Clock) = (DatabaseAccess.ReadOnly, clock);
        using var reader = new VectorDatabase(new DatabaseEngine(disk, readOnly));
        clock.Step();
        var before = clock.GetUtcNow();
        disk.Reading = (name, _) =>
        {
            if (name == Manifest.FileName)
            {
                disk.Reading = null;
                clock.Step();
                collection.UpsertAsync(Record(1)).GetAwaiter().GetResult();
                writer.CheckpointAsync().GetAwaiter().GetResult();
            }
        };
        using var stream = new MemoryStream();
        Assert.That((isStream ? await reader.BackupAsync(stream) : await reader.BackupAsync(folder["backup"])).Sequence, Is.EqualTo(2), "the second attempt");
        Task<long> Restore(string target, RestoreOptions limits)
        {
            stream.Position = 0;
            return isStream ? VectorDatabase.RestoreAsync(stream, folder[target], limits) : VectorDatabase.RestoreAsync(folder["backup"], folder[target], limits);
        }

        Assert.That(() => Restore("early", new RestoreOptions { ToTime = before }), Throws.TypeOf<DatabaseException>().With.Message.Contains("commit 2, which may have been made after"));
        Assert.That(await Restore("late", new RestoreOptions { ToTime = clock.GetUtcNow() }), Is.EqualTo(2));
    }

    /// <summary>A collection is deleted while a checkpoint writes its files: of that commit it is still there.</summary>
    [Test]
    public async Task ACollectionThatIsDeletedDuringACheckpointIsThereBefore()
    {
        var (disk, root, creations) = (new MemoryStorage(), new MemoryStorage(), 0);
        using var engine = new DatabaseEngine(disk, History.Options());
        using var database = new VectorDatabase(engine);
        var collection = database.GetDynamicCollection("c", Definition);
        await collection.EnsureCollectionExistsAsync();
        await collection.UpsertAsync(Record(1));
        disk.Fails = (_, what) =>
        {
            if (what == "create" && ++creations == 2) // the segment of the log that follows comes first
            {
                engine.Drop("c");
            }

            return false;
        };
        await database.CheckpointAsync();
        disk.Fails = null;
        Assert.That(database.Sequence, Is.EqualTo(3));
        engine.Backup(root, new BackupOptions());
        foreach (var sequence in (long[])[2, 3])
        {
            var copy = MemoryStorage.Of(root.NewestChain.Files());
            Assert.That(DatabaseEngine.Restore(copy, History.Options(), new RestoreOptions { ToSequence = sequence }), Is.EqualTo(sequence));
            using var restored = new VectorDatabase(new DatabaseEngine(copy, History.Options()));
            Assert.That(await restored.CollectionExistsAsync("c"), Is.EqualTo(sequence == 2), $"commit {sequence}");
            Assert.That(sequence == 3 || await restored.GetDynamicCollection("c").CountAsync() == 1);
        }
    }

    /// <summary>While a collection was damaged, a checkpoint left its files as they were and wrote those of others. With both mended, commits between the two are no state that can be restored.</summary>
    [Test]
    public async Task ACommitBetweenTheFilesOfABackupIsRefused()
    {
        var (disk, root, clock) = (new MemoryStorage(), new MemoryStorage(), new StepClock());
        var options = History.Options();
        options.Clock = clock;
        using (var database = new VectorDatabase(new DatabaseEngine(disk, options)))
        {
            await WriteAsync(database, "damaged", 1);
            await WriteAsync(database, "good", 1); // commits 1 to 4
            await database.CheckpointAsync();
        }

        var sound = disk.Files();
        using (var file = disk.Open(sound.Keys.Single(name => name.StartsWith("rows-000001", StringComparison.Ordinal)), create: false))
        {
            file.Write(5000, [255, 255, 255]);
        }

        DateTimeOffset between;
        using (var database = new VectorDatabase(new DatabaseEngine(disk, options)))
        {
            Assert.That(database.Recovery.Warnings, Has.Length.EqualTo(1));
            await WriteAsync(database, "good", 2); // commit 5
            between = clock.GetUtcNow();
            await WriteAsync(database, "good", 3); // commit 6
            await database.CheckpointAsync();
        }

        var mended = new Dictionary<string, byte[]>(disk.Files(), StringComparer.Ordinal);
        foreach (var name in sound.Keys.Where(mended.ContainsKey).Where(name => name.StartsWith("rows-000001", StringComparison.Ordinal)))
        {
            mended[name] = sound[name];
        }

        clock.Step();
        using (var engine = new DatabaseEngine(MemoryStorage.Of(mended), options))
        {
            engine.Backup(root, new BackupOptions());
        }

        foreach (var limits in (RestoreOptions[])[new() { ToSequence = 5 }, new() { ToTime = between }])
        {
            Assert.That(() => Restore(limits), Throws.TypeOf<DatabaseException>().With.Message.Contains("begins with commit 6"), $"{limits}");
        }

        Assert.That(Restore(new RestoreOptions { ToSequence = 6 }), Is.EqualTo(6));

        long Restore(RestoreOptions limits) => DatabaseEngine.Restore(MemoryStorage.Of(((MemoryStorage)BackupFolder.OpenFor(root, limits)).Files()), options, limits);

        async Task WriteAsync(VectorDatabase database, string name, int key)
        {
            clock.Step();
            await database.GetDynamicCollection(name, Definition).EnsureCollectionExistsAsync();
            await database.GetDynamicCollection(name).UpsertAsync(Record(key));
        }
    }

    /// <summary>A process that reads made a backup of commits that were not durable yet; the power failed, and they are gone. The next backup begins a chain of its own.</summary>
    [Test]
    public async Task AChainThatHasMoreThanTheDatabaseIsNotGoneOnWith([Values] bool isWrittenAfterwards)
    {
        var (disk, root) = (new MemoryStorage(), new MemoryStorage());
        var options = History.Options(Durability.Os);
        options.KeepLog = true;
        IReadOnlyDictionary<string, byte[]> durable;
        using (var writer = new VectorDatabase(new DatabaseEngine(disk, options)))
        {
            var collection = writer.GetDynamicCollection("c", Definition);
            await collection.EnsureCollectionExistsAsync();
            await collection.UpsertAsync(Record(1));
            durable = disk.Files();
            await collection.UpsertAsync(Record(2));
            var readOnly = History.Options();
            readOnly.Access = DatabaseAccess.ReadOnly;
            using var reader = new DatabaseEngine(disk, readOnly);
            Assert.That(reader.Backup(root, new BackupOptions()).Sequence, Is.EqualTo(3));
        }

        using var engine = new DatabaseEngine(MemoryStorage.Of(durable), options);
        using var database = new VectorDatabase(engine);
        for (var backup = 0; backup < 2; backup++)
        {
            if (isWrittenAfterwards && backup > 0)
            {
                await database.GetDynamicCollection("c").UpsertAsync(Record(10));
            }

            var report = engine.Backup(root, new BackupOptions());
            Assert.That((report.IsIncremental, report.Sequence), Is.EqualTo((backup > 0, database.Sequence)));
            Assert.That(Verification.Run(root.NewestChain) is { IsSound: true } verified && verified.Sequence == database.Sequence);
        }
    }

    /// <summary>The last segment of a backup is still in the database's folder, since the power failed while the log was given up, but those after it are not: a new chain is begun.</summary>
    [Test]
    public async Task AChainIsNotGoneOnWithAcrossAGap()
    {
        var (disk, backup) = (new MemoryStorage(), new MemoryStorage());
        string leftover;
        byte[] bytes;
        using (var database = new VectorDatabase(new DatabaseEngine(disk, History.Options())))
        {
            var collection = database.GetDynamicCollection("c", Definition);
            await collection.EnsureCollectionExistsAsync();
            await collection.UpsertAsync(Record(1));
            leftover = disk.List().Single(name => LogFormat.Number(name) >= 0);
            database.Engine.Backup(backup, new BackupOptions());
            bytes = disk.Files()[leftover];
            for (var i = 2; i < 5; i++)
            {
                await collection.UpsertAsync(Record(i));
                await database.CheckpointAsync();
            }
        }

        var files = disk.Files();
        files.Add(leftover, bytes);
        var numbers = LogSegment.NumbersIn(MemoryStorage.Of(files));
        Assert.That((numbers.Count, numbers[^1] - numbers[0]), Is.EqualTo((2, 4L)));
        var options = History.Options();
        options.KeepLog = true; // so that opening takes nothing away
        using var again = new VectorDatabase(new DatabaseEngine(MemoryStorage.Of(files), options));
        Assert.That(again.Engine.Backup(backup, new BackupOptions()).IsIncremental, Is.False);
        Assert.That(Verification.Run(backup.NewestChain) is { IsSound: true, Sequence: 5 });
    }

    [Test]
    public async Task APageThatCannotBeReadIsNamed()
    {
        var (disk, broken) = (new MemoryStorage(), 0L);
        using (var database = new VectorDatabase(new DatabaseEngine(disk, History.Options())))
        {
            var collection = database.GetDynamicCollection("c", Definition);
            await collection.EnsureCollectionExistsAsync();
            await collection.UpsertAsync(Enumerable.Range(0, 2000).Select(Record));
            await database.CheckpointAsync();
            disk.Reading = (name, offset) =>
            {
                if (name.StartsWith("rows-", StringComparison.Ordinal) && offset >= broken && offset < broken + (1 << 16))
                {
                    throw new IOException("the disk is broken");
                }
            };
            foreach (var (place, what) in ((long, string)[])[(0, "cannot be read"), (1 << 16, "Page 1 ")])
            {
                broken = place;
                var report = await database.VerifyAsync();
                Assert.That(report.Problems.Single(), Does.Contain(what).And.Contain("the disk is broken").And.Contain("rows-000001"));
            }
        }

        using var again = new VectorDatabase(new DatabaseEngine(disk, History.Options()));
        Assert.That(async () => await again.GetDynamicCollection("c").CountAsync(), Throws.TypeOf<DatabaseCorruptException>().With.Message.Contains("the disk is broken"), "the others would open");
    }

    private static Dictionary<string, object?> Record(int key) => new(StringComparer.Ordinal) { ["Key"] = (long)key, ["n"] = (long)key, ["v"] = new float[] { key + 1, 1, 1, 2 } };

    private static DiskStorage Open(string folder, EncryptionKey? key)
    {
        var storage = new DiskStorage(folder, create: false);
        storage.Encryption = key is null ? null : KeyFile.Open(storage, key, 0);
        return storage;
    }

    // Takes the last frame away: by a bit, from its beginning, from its middle, with its file.
    private static void Spoil(string file, string damage)
    {
        var bytes = File.ReadAllBytes(file);
        var salt = LogFormat.Salt(new Guid(bytes.AsSpan(LogFormat.DatabaseOffset, 16)), LogFormat.Number(Path.GetFileName(file)));
        var last = 0;
        for (var at = LogFormat.HeaderBytes; LogFormat.TryReadFrame(bytes, at, salt, 0, long.MaxValue, out var frame); at = frame.End)
        {
            last = at;
        }

        switch (damage)
        {
            case "bit":
                bytes[last + LogFormat.FrameHeaderBytes + 3] ^= 1;
                File.WriteAllBytes(file, bytes);
                break;
            case "frame":
                File.WriteAllBytes(file, bytes[..last]);
                break;
            case "cut":
                File.WriteAllBytes(file, bytes[..(last + 21)]);
                break;
            default:
                File.Delete(file);
                break;
        }
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
