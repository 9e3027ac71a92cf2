using Abi.Database.Engine;
using Abi.Database.Log;
using Abi.Database.Tests.Storage;

namespace Abi.Database.Tests.Engine;

/// <summary>What follows a salvage that lost commits is another history, which nothing of the earlier one goes on with.</summary>
[Parallelizable]
public sealed class SalvageTests
{
    /// <summary>Backups in pieces or chains up to commit 10, of which 9 and 10 are lost. What is written then takes the numbers of neither, and no backup has records of both.</summary>
    [Test]
    public async Task BackupsOfBothHistoriesAreNotMixed([Values] bool isFolder, [Values] bool keepsLog)
    {
        var (disk, root) = (new MemoryStorage(), new MemoryStorage());
        List<MemoryStream> pieces = [];
        long? after = null;
        using (var database = Open(disk, options => options.KeepLog = keepsLog || !isFolder))
        {
            for (var i = 2; i <= 10; i++)
            {
                await WriteAsync(database, "c", i);
                if (i is 5 or 8 or 10)
                {
                    await BackupAsync(database);
                }
            }
        }

        Damage(disk, LogSegment.NumbersIn(disk)[^2], frame: 1);
        using (var database = Open(disk, options => (options.KeepLog, options.Recovery) = (keepsLog || !isFolder, RecoveryMode.Salvage)))
        {
            Assert.That(database.Recovery.Sequence, Is.EqualTo(9));
            Assert.That(database.Recovery.Warnings, Has.Some.Contains("after commit 9").And.Some.Contains("full backup"));
            Assert.That(database.Sequence, Is.GreaterThan(10));
            for (var i = 0; i < 3; i++)
            {
                await WriteAsync(database, "c", 100 + i);
                await database.CheckpointAsync();
            }

            if (isFolder)
            {
                Assert.That(database.Engine.Backup(root, new BackupOptions()).IsIncremental, Is.False);
            }
            else
            {
                Assert.That(() => BackupAsync(database), Throws.TypeOf<DatabaseException>().With.Message.Contains("salvage").And.Message.Contains("full backup"));
                (after, pieces) = (null, []);
                await BackupAsync(database);
            }

            await WriteAsync(database, "c", 103);
            await BackupAsync(database);
        }

        using var folder = new TemporaryFolder();
        if (isFolder)
        {
            var restored = MemoryStorage.Of(root.NewestChain.Files());
            DatabaseEngine.Restore(restored, History.Options(), new RestoreOptions());
            using var database = Open(restored);
            Assert.That(await KeysAsync(database), Is.EquivalentTo(Expected()));
        }
        else
        {
            Assert.That(pieces, Has.Count.EqualTo(2));
            pieces.ForEach(piece => piece.Position = 0);
            await VectorDatabase.RestoreAsync(pieces, folder["restored"]);
            await using var database = await VectorDatabase.OpenAsync(folder["restored"]);
            Assert.That(await KeysAsync(database), Is.EquivalentTo(Expected()));
        }

        IEnumerable<string> Expected() => ((int[])[.. Enumerable.Range(2, 8), 100, 101, 102, 103]).Select(number => CrashTests.Key(number, 0));

        async Task BackupAsync(VectorDatabase database)
        {
            if (isFolder)
            {
                database.Engine.Backup(root, new BackupOptions());
            }
            else
            {
                var piece = new MemoryStream();
                after = (await database.BackupAsync(piece, after)).Sequence;
                pieces.Add(piece);
            }
        }
    }

    /// <summary>Since one collection is damaged, the log begins before the files of the other, and is then damaged there, too: what is written to the other afterwards is there.</summary>
    [Test]
    public async Task WhatIsWrittenAfterASalvageBelowTheFilesOfACollectionIsThere([Values] bool isDamaged)
    {
        var disk = await WithDamagedCollectionAsync();
        var numbers = LogSegment.NumbersIn(disk);
        if (isDamaged)
        {
            Damage(disk, numbers[0], frame: 0);
        }
        else
        {
            foreach (var number in numbers.Skip(1))
            {
                disk.Delete(LogFormat.Name(number));
            }

            Damage(disk, numbers[0], frame: 5); // the last, which nothing shows to have been acknowledged but the files
        }

        Assert.That(() => Open(disk), Throws.TypeOf<DatabaseCorruptException>().With.Message.Contains("Salvage"));
        using (var database = Open(disk, options => options.Recovery = RecoveryMode.Salvage))
        {
            await WriteAsync(database, "good", 100);
            Assert.That(await KeysAsync(database, "good"), Has.Count.EqualTo(8));
        }

        using (var again = Open(disk))
        {
            Assert.That(await KeysAsync(again, "good"), Has.Count.EqualTo(8).And.Contains(CrashTests.Key(100, 0)));
            await WriteAsync(again, "good", 101);
            await again.CheckpointAsync();
            Assert.That(LogSegment.NumbersIn(disk), Has.Count.EqualTo(1), "log that mends nothing");
        }

        // Without the log since, a file that is put back would be an old state that looks like the last.
        Invert(disk, DamagedRows(disk));
        using var mended = Open(disk);
        Assert.That(() => KeysAsync(mended, "damaged"), Throws.TypeOf<DatabaseCorruptException>().With.Message.Contains("salvaged"));
        await mended.EnsureCollectionDeletedAsync("damaged");
        await mended.CheckpointAsync();
        Assert.That(await KeysAsync(mended, "good"), Has.Count.EqualTo(9));
    }

    /// <summary>A power cut behind every step of a salvage leaves a log that is refused as before and salvaged the same, or the other history, and never one that goes on with the earlier.</summary>
    [Test]
    public async Task APowerCutLeavesTheDamageOrTheOtherHistory([Values] bool isEncrypted, [Values] bool keepsLog)
    {
        using var key = isEncrypted ? EncryptionKey.FromBytes(new byte[32]) : null;
        var history = await History.RunAsync(20, seed: 9, checkpointsAfter: [4], change: (_, options) => options.KeepLog = keepsLog, encryption: key);
        var earlier = Manifest(history.Storage).DatabaseId;
        Damage(history.Storage, LogSegment.NumbersIn(history.Storage)[^2], frame: 1);
        var disk = MemoryStorage.Of(history.Storage.Files());
        var before = disk.Journal.Count;
        string state;
        using (var database = Salvage(disk))
        {
            state = await History.StateOfAsync(database);
            Assert.That(state, Is.EqualTo(history.States[(int)database.Recovery.Sequence]));
        }

        var (refused, there) = (0, 0);
        for (var round = 0; round < 4; round++)
        {
            for (var step = before; step <= disk.Journal.Count; step++)
            {
                var cut = disk.CutAfter(step, new Random((round * 1000) + step));
                try
                {
                    using var database = Open(cut, Change);
                    Assert.That(Manifest(cut).DatabaseId, Is.Not.EqualTo(earlier));
                    Assert.That(database.Recovery.CutReason, Is.Null);
                    Assert.That(await History.StateOfAsync(database), Is.EqualTo(state), $"cut behind step {step}");
                    Assert.That(LogSegment.NumbersIn(cut), Is.EqualTo([Manifest(cut).FirstLogSegment]), "log of the earlier history");
                    there++;
                }
                catch (DatabaseCorruptException)
                {
                    Assert.That(Manifest(cut).DatabaseId, Is.EqualTo(earlier));
                    refused++;
                }

                using var again = Salvage(cut);
                Assert.That(await History.StateOfAsync(again), Is.EqualTo(state), $"salvaged after a cut behind step {step}");
            }
        }

        Assert.That(refused, Is.GreaterThan(10));
        Assert.That(there, Is.GreaterThan(10));

        Manifest Manifest(MemoryStorage storage)
        {
            using var encryption = storage.Encryption = Abi.Database.Encryption.KeyFile.Open(storage, key, 0);
            var manifest = Abi.Database.Engine.Manifest.Read(storage);
            storage.Encryption = null;
            return manifest;
        }

        void Change(DatabaseOptions options) => (options.KeepLog, options.EncryptionKey) = (keepsLog, key);

        VectorDatabase Salvage(MemoryStorage storage) => Open(storage, options =>
        {
            Change(options);
            options.Recovery = RecoveryMode.Salvage;
        });
    }

    /// <summary>The archive keeps both histories apart: a moment of the earlier one is restored from what was archived of it, and the later one is archived from its beginning.</summary>
    [Test]
    public async Task EachHistoryHasItsArchive()
    {
        using var folder = new TemporaryFolder();
        Directory.CreateDirectory(folder["archive"]);
        var options = History.Options();
        (options.Path, options.LogArchive) = (folder["db"], folder["archive"]);
        await using (var database = await VectorDatabase.OpenAsync(options))
        {
            await WriteAsync(database, "c", 2);
            await database.BackupAsync(folder["earlier"]);
            await WriteAsync(database, "c", 3);
            await database.ArchiveLogAsync();
            await WriteAsync(database, "c", 4);
            await WriteAsync(database, "c", 5);
        }

        using (var disk = new Abi.Database.Storage.DiskStorage(folder["db"], create: false))
        {
            Damage(disk, LogSegment.NumbersIn(disk)[^1], frame: 0);
        }

        options.Recovery = RecoveryMode.Salvage;
        await using (var database = await VectorDatabase.OpenAsync(options))
        {
            Assert.That(database.Recovery.Sequence, Is.EqualTo(3));
            await database.BackupAsync(folder["later"]);
            await WriteAsync(database, "c", 100);
            Assert.That(await database.ArchiveLogAsync(), Is.EqualTo(database.Sequence));
            Assert.That(database.LogArchive!.Failure, Is.Null);
        }

        Assert.That(Directory.GetDirectories(folder["archive"]), Has.Length.EqualTo(2));
        await AssertRestoredAsync("earlier", 2, 3);
        await AssertRestoredAsync("later", 2, 3, 100);

        async Task AssertRestoredAsync(string backup, params int[] numbers)
        {
            await VectorDatabase.RestoreAsync(folder[backup], folder[$"{backup}-restored"], new RestoreOptions { LogArchive = options.LogArchive });
            await using var restored = await VectorDatabase.OpenAsync(folder[$"{backup}-restored"]);
            Assert.That(await KeysAsync(restored), Is.EquivalentTo(numbers.Select(number => CrashTests.Key(number, 0))));
        }
    }

    /// <summary>A write that never finished is no loss: the identity stays, and so do the chains of backups.</summary>
    [Test]
    public async Task WhatWasNeverAcknowledgedIsNoLoss()
    {
        var (disk, root) = (new MemoryStorage(), new MemoryStorage());
        using (var database = Open(disk, options => options.KeepLog = true))
        {
            await WriteAsync(database, "c", 2);
            database.Engine.Backup(root, new BackupOptions());
            await WriteAsync(database, "c", 3);
            await WriteAsync(database, "c", 4);
        }

        Damage(disk, LogSegment.NumbersIn(disk)[^1], frame: 1);
        var before = Manifest.Read(disk);
        using var salvaged = Open(disk, options => (options.KeepLog, options.Recovery) = (true, RecoveryMode.Salvage));
        Assert.That(salvaged.Sequence, Is.EqualTo(3));
        Assert.That(salvaged.Recovery.CutReason, Does.Contain("never acknowledged"));
        Assert.That((Manifest.Read(disk).DatabaseId, Manifest.Read(disk).Generation), Is.EqualTo((before.DatabaseId, before.Generation)));
        Assert.That(salvaged.Engine.Backup(root, new BackupOptions()).IsIncremental);
    }

    /// <summary>The log goes on behind all segments, so that there must be numbers left.</summary>
    [Test]
    public async Task ASegmentWithTheHighestNumberIsNamed()
    {
        var disk = await WithLostCommitsAsync();
        var name = LogFormat.Name(long.MaxValue - 1);
        disk.Open(name, create: true).Dispose();
        Assert.That(() => Open(disk, options => options.Recovery = RecoveryMode.Salvage), Throws.TypeOf<DatabaseCorruptException>().With.Message.Contains(name));
        disk.Delete(name);
        using var salvaged = Open(disk, options => options.Recovery = RecoveryMode.Salvage);
        Assert.That(salvaged.Recovery.Sequence, Is.EqualTo(3));
    }

    [Test]
    public async Task ReadOnlyItWritesNothing()
    {
        var disk = await WithLostCommitsAsync();
        var before = disk.Journal.Count;
        using (var reader = Open(disk, options => (options.Access, options.Recovery) = (DatabaseAccess.ReadOnly, RecoveryMode.Salvage)))
        {
            Assert.That((reader.Sequence, reader.Recovery.CutReason is null), Is.EqualTo((3L, false)));
            Assert.That(await KeysAsync(reader), Has.Count.EqualTo(2));
        }

        Assert.That(disk.Journal, Has.Count.EqualTo(before));
    }

    /// <summary>A reader that was open before the salvage must not put the other history into the chains of the earlier one.</summary>
    [Test]
    public async Task AReaderOfTheEarlierHistoryBacksUpNoneOfTheLater()
    {
        var (disk, root) = (await WithLostCommitsAsync(), new MemoryStorage());
        using var reader = Open(disk, options => (options.Access, options.Recovery) = (DatabaseAccess.ReadOnly, RecoveryMode.Salvage));
        using var salvaged = Open(disk, options => options.Recovery = RecoveryMode.Salvage);
        Assert.That(() => reader.Engine.Backup(root, new BackupOptions()), Throws.TypeOf<DatabaseException>().With.Message.Contains("salvaged"));
        Assert.That(root.Folders(), Is.Empty);
    }

    /// <summary>Segments that a checkpoint takes away while they are read are not damaged.</summary>
    [Test]
    public async Task AReaderBesideAWriterHasNothingToSalvage()
    {
        var disk = new MemoryStorage();
        using var writer = Open(disk);
        await WriteAsync(writer, "c", 2);
        disk.Reading = (name, _) =>
        {
            if (name == Manifest.FileName)
            {
                disk.Reading = null;
                writer.CheckpointAsync().GetAwaiter().GetResult();
            }
        };
        using var reader = Open(disk, options => (options.Access, options.Recovery) = (DatabaseAccess.ReadOnly, RecoveryMode.Salvage));
        Assert.That(disk.Reading, Is.Null);
        Assert.That((reader.Sequence, reader.Recovery.CutReason), Is.EqualTo((2L, (string?)null)));
        Assert.That(await KeysAsync(reader), Has.Count.EqualTo(1));
    }

    /// <summary>A place of the log that the disk cannot read is damage like any other: it is named, and what goes before it is kept.</summary>
    [TestCase(20_000, 6)]
    [TestCase(100, 0)] // in the header
    public async Task WhatTheDiskCannotReadIsDamage(int offset, int kept)
    {
        var disk = new MemoryStorage();
        void Change(DatabaseOptions options) => options.LogSegmentBytes = 1 << 16;
        using (var database = Open(disk, Change))
        {
            var collection = database.GetDynamicCollection("c", new CollectionDefinition { Data = [new DataField("text", DataKind.Text)] });
            await collection.EnsureCollectionExistsAsync();
            for (var i = 0; i < 10; i++)
            {
                await collection.UpsertAsync(new Dictionary<string, object?>(StringComparer.Ordinal) { ["Key"] = $"{i}", ["text"] = new string('x', 3000) });
            }
        }

        var name = LogFormat.Name(LogSegment.NumbersIn(disk).Single());
        disk.Unreadable = (name, offset);
        Assert.That(() => Open(disk, Change), Throws.TypeOf<DatabaseCorruptException>().With.Message.Contains("cannot be read").And.Message.Contains("Salvage").And.Message.Contains(name));
        using var salvaged = Open(disk, options =>
        {
            Change(options);
            options.Recovery = RecoveryMode.Salvage;
        });
        Assert.That(salvaged.Recovery.Sequence, Is.InRange(kept, kept + 1));
        Assert.That(salvaged.Recovery.CutReason, Does.Contain("cannot be read"));
        Assert.That(kept == 0 || (await KeysAsync(salvaged)).Count == salvaged.Recovery.Sequence - 1);
    }

    /// <summary>Beside damage the log is read again from before the files. Where it is cut, what was deleted by the time of the files does not come back, nor take the name of what was made since.</summary>
    [Test]
    public async Task WhatWasDeletedBeforeTheFilesDoesNotComeBack()
    {
        var disk = new MemoryStorage();
        using (var database = Open(disk))
        {
            await WriteAsync(database, "damaged", 1);
            await database.CheckpointAsync();
        }

        Invert(disk, DamagedRows(disk));
        using (var database = Open(disk, options => options.LogSegmentBytes = 1 << 16))
        {
            await WriteAsync(database, "again", 2);
            await WriteAsync(database, "gone", 3);
            await database.EnsureCollectionDeletedAsync("gone"); // commit 4 of the segment
            await database.EnsureCollectionDeletedAsync("again");
            await WriteAsync(database, "again", 4);
            await database.CheckpointAsync();
        }

        Damage(disk, LogSegment.NumbersIn(disk)[^2], frame: 4);
        using (var salvaged = Open(disk, options => options.Recovery = RecoveryMode.Salvage))
        {
            await CheckAsync(salvaged);
        }

        using var opened = Open(disk);
        await CheckAsync(opened);

        static async Task CheckAsync(VectorDatabase database)
        {
            Assert.That(await database.ListCollectionNamesAsync().ToListAsync(), Is.EqualTo((string[])["again", "damaged"]));
            Assert.That(await KeysAsync(database, "again"), Is.EqualTo((string[])[CrashTests.Key(4, 0)]));
        }
    }

    /// <summary>Nothing tells how many commits were in segments that are gone.</summary>
    [Test]
    public async Task NumbersOfCommitsInLostSegmentsAreNotTakenAgain()
    {
        var disk = new MemoryStorage();
        long last;
        using (var database = Open(disk))
        {
            for (var i = 2; i <= 300; i++)
            {
                await WriteAsync(database, "c", i);
            }

            last = database.Sequence;
        }

        var numbers = LogSegment.NumbersIn(disk);
        Damage(disk, numbers[0], frame: 1);
        foreach (var number in numbers.Skip(1))
        {
            disk.Delete(LogFormat.Name(number));
        }

        using var salvaged = Open(disk, options => options.Recovery = RecoveryMode.Salvage);
        Assert.That(salvaged.Recovery.Sequence, Is.EqualTo(1));
        Assert.That(salvaged.Sequence, Is.GreaterThan(last));
    }

    // Commits 4 and 5, of which the first is damaged and the second shows that it was acknowledged.
    private static async Task<MemoryStorage> WithLostCommitsAsync()
    {
        var disk = new MemoryStorage();
        using (var database = Open(disk))
        {
            for (var i = 2; i <= 5; i++)
            {
                await WriteAsync(database, "c", i);
            }
        }

        Damage(disk, LogSegment.NumbersIn(disk)[^1], frame: 3);
        return disk;
    }

    // Two collections with a record each; then the file of one is damaged, six records are written to the other, and its file has them.
    private static async Task<MemoryStorage> WithDamagedCollectionAsync()
    {
        var disk = new MemoryStorage();
        using (var database = Open(disk))
        {
            await WriteAsync(database, "damaged", 1);
            await WriteAsync(database, "good", 1);
            await database.CheckpointAsync();
        }

        Invert(disk, DamagedRows(disk));
        using (var database = Open(disk))
        {
            Assert.That(database.Recovery.Warnings, Has.Length.EqualTo(1));
            for (var i = 2; i < 8; i++)
            {
                await WriteAsync(database, "good", i);
            }

            await database.CheckpointAsync();
        }

        return disk;
    }

    private static VectorDatabase Open(MemoryStorage disk, Action<DatabaseOptions>? change = null)
    {
        var options = History.Options();
        change?.Invoke(options);
        return new VectorDatabase(new DatabaseEngine(disk, options));
    }

    private static async Task WriteAsync(VectorDatabase database, string collection, int number)
    {
        var records = database.GetDynamicCollection(collection, CrashTests.Definition);
        await records.EnsureCollectionExistsAsync();
        await records.UpsertAsync(CrashTests.Record(number, 0));
    }

    private static async Task<List<string>> KeysAsync(VectorDatabase database, string collection = "c") =>
        await database.GetDynamicCollection(collection).ListAsync().Select(record => (string)record["Key"]!).ToListAsync();

    private static string DamagedRows(MemoryStorage disk) => disk.List().Single(name => name.StartsWith("rows-000001", StringComparison.Ordinal));

    // Of a plain database or an encrypted one.
    private static void Damage(Abi.Database.Storage.IStorage disk, long segment, int frame)
    {
        using var file = disk.Open(LogFormat.Name(segment), create: false);
        var bytes = LogSegment.ReadBytes(file, disk.Folder, out _);
        var (database, first) = (new Guid(bytes.AsSpan(LogFormat.DatabaseOffset, 16)), BitConverter.ToInt64(bytes, 40));
        var at = LogFormat.HeaderBytes;
        for (var i = 0; i < frame; i++)
        {
            Assert.That(LogFormat.TryReadFrame(bytes, at, LogFormat.Salt(database, segment), first + i, first + i, out var one));
            at = one.End;
        }

        Assert.That(LogFormat.TryReadFrame(bytes, at, LogFormat.Salt(database, segment), first + frame, first + frame, out _));
        file.Write(at + LogFormat.FrameHeaderBytes, [(byte)~bytes[at + LogFormat.FrameHeaderBytes]]);
    }

    // Twice, it is as it was.
    private static void Invert(MemoryStorage disk, string name)
    {
        using var file = disk.Open(name, create: false);
        var part = new byte[1];
        file.Read(5000, part);
        file.Write(5000, [(byte)~part[0]]);
    }
}
