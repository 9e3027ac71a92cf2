using System.Buffers.Binary;
using System.Collections.Concurrent;
using System.Runtime.InteropServices;
using System.Text;
using Abi.Database.Backup;
using Abi.Database.Encryption;
using Abi.Database.Engine;
using Abi.Database.Log;
using Abi.Database.Storage;
using Abi.Database.Tests.Storage;

namespace Abi.Database.Tests.Encryption;

/// <summary>Encryption at rest.</summary>
[Parallelizable]
public sealed class EncryptionTests
{
    private static readonly float[] Vector = [12345.678f, -2345.789f, 3.1415927f, 987.654f];
    private static readonly string[] Words = ["a-known-key", "known collection", "knownfield", "some known text that nobody may read"];

    private static CollectionDefinition Definition => new()
    {
        Data = [new DataField("knownfield", DataKind.Text) { IsFullTextIndexed = true }],
        Vectors = [new VectorField("v", 4) { DistanceFunction = DistanceFunction.EuclideanSquaredDistance, IndexKind = IndexKind.Hnsw, IsQuantized = true }],
    };

    /// <summary>Looks at every byte that was ever written. Without a key all of it is found, so that the search is known to work.</summary>
    [TestCase(false)]
    [TestCase(true)]
    public async Task NothingThatIsKnownIsInTheFiles(bool isEncrypted)
    {
        using var key = Key(1);
        var disk = new MemoryStorage();
        await FillAsync(disk, isEncrypted ? key : null);
        var written = new MemoryStream();
        foreach (var step in disk.Journal.Where(step => step.Bytes is not null))
        {
            written.Write(step.Bytes);
        }

        var bytes = written.ToArray();
        Assert.That(disk.Files().Keys, Has.Some.StartsWith("rows-").And.Some.StartsWith("graph-").And.Some.StartsWith("log-"));
        foreach (var secret in Words.Select(Encoding.UTF8.GetBytes).Append(MemoryMarshal.AsBytes(Vector.AsSpan()).ToArray()))
        {
            Assert.That(bytes.AsSpan().IndexOf(secret) >= 0, Is.EqualTo(!isEncrypted));
        }
    }

    [Test]
    public async Task AWrongKeyAMissingOneAndOneForAPlainDatabaseAreRefusedAndTouchNothing()
    {
        using var key = Key(1);
        using var other = Key(2);
        using var passphrase = EncryptionKey.FromPassphrase("correct horse", EncryptionKey.LeastIterations);
        var disk = new MemoryStorage();
        await FillAsync(disk, key);
        var plain = new MemoryStorage();
        await FillAsync(plain, null);
        Refused(disk, other, DatabaseKeyProblem.Wrong);
        Refused(disk, passphrase, DatabaseKeyProblem.Wrong);
        Refused(disk, null, DatabaseKeyProblem.Missing);
        Refused(plain, key, DatabaseKeyProblem.NotEncrypted);
        using var again = new VectorDatabase(new DatabaseEngine(disk, History.Options(key: key)));
        Assert.That(again.IsEncrypted);
        Assert.That(await again.GetDynamicCollection("known collection").CountAsync(), Is.EqualTo(41));

        var files = disk.Files();
        files.Remove(KeyFile.Name);
        Assert.That(() => new DatabaseEngine(MemoryStorage.Of(files), History.Options(key: key)), Throws.TypeOf<DatabaseCorruptException>().With.Message.Contains(KeyFile.Name));

        static void Refused(MemoryStorage disk, EncryptionKey? key, DatabaseKeyProblem problem)
        {
            var steps = disk.Journal.Count;
            var error = Assert.Throws<DatabaseKeyException>(() => new DatabaseEngine(disk, History.Options(key: key)).Dispose());
            Assert.That(error!.Problem, Is.EqualTo(problem));
            Assert.That(disk.Journal, Has.Count.EqualTo(steps));
        }
    }

    [Test]
    public async Task APassphraseOpensWhatItMade()
    {
        using var passphrase = EncryptionKey.FromPassphrase("correct horse", EncryptionKey.LeastIterations);
        var disk = new MemoryStorage();
        await FillAsync(disk, passphrase);
        using var same = EncryptionKey.FromPassphrase("correct horse", EncryptionKey.LeastIterations + 1); // the iterations are the file's
        using (var database = new VectorDatabase(new DatabaseEngine(disk, History.Options(key: same))))
        {
            Assert.That(await database.GetDynamicCollection("known collection").CountAsync(), Is.EqualTo(41));
        }

        using var wrong = EncryptionKey.FromPassphrase("correct house", EncryptionKey.LeastIterations);
        Assert.That(() => new DatabaseEngine(disk, History.Options(key: wrong)), Throws.TypeOf<DatabaseKeyException>());
        var files = disk.Files();
        BinaryPrimitives.WriteInt32LittleEndian(files[KeyFile.Name].AsSpan(20), int.MaxValue); // would take an hour
        BinaryPrimitives.WriteUInt32LittleEndian(files[KeyFile.Name].AsSpan(12), Crc32C.Compute(files[KeyFile.Name].AsSpan(16)));
        Assert.That(() => new DatabaseEngine(MemoryStorage.Of(files), History.Options(key: same)), Throws.TypeOf<DatabaseCorruptException>());
    }

    /// <summary>Over sessions that are cut off and go on, segments used again, checkpoints, copies of the folder that go their own ways, and changes of the key.</summary>
    [Test]
    public async Task NoNonceComesTwiceUnderAKey()
    {
        using var key = Key(1);
        ConcurrentDictionary<(string Key, ulong Nonce), int> used = [];
        var twice = 0;
        AuthenticatedCipher.Watcher = (id, nonce) =>
        {
            if (!used.TryAdd((Convert.ToHexString(id), nonce), 0))
            {
                Interlocked.Increment(ref twice);
            }
        };
        try
        {
            var random = new Random(11);
            var disk = new MemoryStorage();
            for (var session = 0; session < 60; session++)
            {
                var before = disk.Journal.Count;
                await WriteSessionAsync(disk, key, session, random);
                if (session % 5 == 0)
                {
                    await WriteSessionAsync(MemoryStorage.Of(disk.Files()), key, session + 1000, random); // a copy
                }

                if (session % 2 == 1)
                {
                    disk = disk.CutAfter(random.Next(before, disk.Journal.Count + 1), random);
                }
            }
        }
        finally
        {
            AuthenticatedCipher.Watcher = null;
        }

        await TestContext.Out.WriteLineAsync($"{used.Count} nonces under {used.Keys.Select(use => use.Key).Distinct().Count()} keys");
        Assert.That(used, Has.Count.GreaterThan(1000));
        Assert.That(used.Keys.GroupBy(use => use.Key).Max(group => group.Count()), Is.GreaterThan(10), "keys are used more than once");
        Assert.That(twice, Is.Zero);
    }

    /// <summary>Frames with right checksums, so that only authentication can find them.</summary>
    [Test]
    public async Task AFrameThatSomebodyChangedIsRefusedAndCanBeSalvaged()
    {
        using var key = Key(1);
        var history = await History.RunAsync(20, seed: 9, encryption: key);
        var files = history.Storage.Files();
        var name = files.Keys.First(name => name.StartsWith("log-", StringComparison.Ordinal));
        var segment = files[name];
        var database = new Guid(segment.AsSpan(LogFormat.DatabaseOffset, 16));
        var salt = LogFormat.Salt(database, LogFormat.Number(name));
        Assert.That(LogFormat.TryReadFrame(segment, LogFormat.HeaderBytes, salt, 1, 1, out var first));
        Assert.That(LogFormat.TryReadFrame(segment, first.End, salt, 2, 2, out var second));
        foreach (var at in (int[])[16, 24, 33, 48, 60, LogFormat.FrameHeaderBytes + second.Length - 1]) // time, durable end, writer, content, tag
        {
            var forged = segment.ToArray();
            forged[second.Offset + at] ^= 1;
            BinaryPrimitives.WriteUInt32LittleEndian(forged.AsSpan(second.Offset), Crc32C.Compute(forged.AsSpan((second.Offset + 4)..second.End), salt));
            files[name] = forged;
            var error = Assert.Throws<DatabaseCorruptException>(() => new DatabaseEngine(MemoryStorage.Of(files), History.Options(key: key)).Dispose());
            Assert.That(error!.Message, Does.Contain("authenticated").And.Contain("Salvage").And.Contain(name));
            Assert.That(error.Offset, Is.EqualTo(second.Offset));
        }

        using var salvaged = new VectorDatabase(new DatabaseEngine(MemoryStorage.Of(files), History.Options(recovery: RecoveryMode.Salvage, key: key)));
        Assert.That(salvaged.Recovery.Sequence, Is.EqualTo(1));
    }

    [Test]
    public async Task FilesThatWereExchangedAreRefused()
    {
        using var key = Key(1);
        var disk = new MemoryStorage();
        await FillAsync(disk, key);
        var files = disk.Files();
        var other = new MemoryStorage();
        await FillAsync(other, key); // the same key and content, but a data key of its own
        foreach (var name in files.Keys.Intersect(other.Files().Keys))
        {
            var mixed = new Dictionary<string, byte[]>(files, StringComparer.Ordinal) { [name] = other.Files()[name] };
            await RefusedAsync(mixed, name);
        }

        var plain = new MemoryStorage();
        await FillAsync(plain, null);
        foreach (var name in files.Keys.Intersect(plain.Files().Keys))
        {
            await RefusedAsync(new Dictionary<string, byte[]>(files, StringComparer.Ordinal) { [name] = plain.Files()[name] }, name);
        }

        async Task RefusedAsync(Dictionary<string, byte[]> mixed, string name)
        {
            try
            {
                using var database = new VectorDatabase(new DatabaseEngine(MemoryStorage.Of(mixed), History.Options(key: key)));
                Assert.That(database.Recovery.Warnings, Is.Not.Empty, name);
                Assert.That(name, Does.StartWith("rows-").Or.StartWith("graph-"));
                if (name.StartsWith("rows-", StringComparison.Ordinal))
                {
                    Assert.ThrowsAsync<DatabaseCorruptException>(async () => await database.GetDynamicCollection("known collection").CountAsync());
                }
            }
            catch (DatabaseCorruptException)
            {
                Assert.That(name, Does.StartWith("log-").Or.EqualTo(Manifest.FileName).Or.EqualTo(KeyFile.Name));
            }
        }

    }

    [Test]
    public async Task TheKeyIsChangedWholeOrNotAtAll()
    {
        using var old = Key(1);
        using var changed = Key(2);
        var history = await History.RunAsync(12, seed: 4, checkpointsAfter: [6], encryption: old);
        var disk = history.Storage;
        var begin = disk.Journal.Count;
        using (var database = new VectorDatabase(new DatabaseEngine(disk, History.Options(key: old))))
        {
            begin = disk.Journal.Count;
            await database.ChangeKeyAsync(changed);
        }

        var names = disk.Journal[begin..].SelectMany(step => new[] { step.Name, step.NewName }).OfType<string>().Distinct();
        Assert.That(names, Is.EquivalentTo(new[] { KeyFile.Name, KeyFile.Name + ".tmp" }));
        var opened = new HashSet<bool>();
        for (var step = begin; step <= disk.Journal.Count; step++)
        {
            for (var round = 0; round < 8; round++)
            {
                var cut = disk.CutAfter(step, new Random((step * 100) + round));
                var isOld = Opens(cut, old);
                Assert.That(Opens(cut, changed), Is.EqualTo(!isOld), $"cut behind step {step}");
                opened.Add(isOld);
                using var database = new VectorDatabase(new DatabaseEngine(cut, History.Options(key: isOld ? old : changed)));
                Assert.That(await History.StateOfAsync(database), Is.EqualTo(history.States[^1]));
            }
        }

        Assert.That(opened, Has.Count.EqualTo(2));
        Assert.That(Opens(disk, changed) && !Opens(disk, old));

        static bool Opens(MemoryStorage disk, EncryptionKey key)
        {
            try
            {
                new DatabaseEngine(MemoryStorage.Of(disk.Files()), History.Options(key: key)).Dispose();
                return true;
            }
            catch (DatabaseKeyException error) when (error.Problem == DatabaseKeyProblem.Wrong)
            {
                return false;
            }
        }
    }

    /// <summary>Without the key nobody knows which segments of the log a crash has left behind: those must not look like damage.</summary>
    [Test]
    public async Task APowerCutLooksLikeNoDamageWithoutTheKey()
    {
        using var key = Key(1);
        var history = await History.RunAsync(24, seed: 5, checkpointsAfter: [8, 17], encryption: key);
        Assert.That(history.Storage.Journal.Any(step => step.Kind == MemoryStorage.StepKind.Delete && LogFormat.Number(step.Name!) >= 0), "segments are given up");
        for (var step = 0; step <= history.Storage.Journal.Count; step++)
        {
            for (var round = 0; round < 4; round++)
            {
                var cut = history.Storage.CutAfter(step, new Random((step * 100) + round));
                if (cut.Exists(Manifest.FileName))
                {
                    var report = Verification.Run(cut);
                    Assert.That(report.IsSealed);
                    Assert.That(report.Problems, Is.Empty, $"cut behind step {step}, round {round}");
                }
            }
        }
    }

    /// <summary>A backup gives up no segment, so that one which is missing is damage there, also for who has no key.</summary>
    [TestCase(0)]
    [TestCase(1)]
    [TestCase(2)]
    public async Task ASegmentThatABackupLacksIsMissedWithoutTheKey(int which)
    {
        using var folder = new TemporaryFolder();
        using var key = Key(1);
        await using (var database = await VectorDatabase.OpenAsync(new DatabaseOptions { Path = folder["live"], KeepLog = true, EncryptionKey = key }))
        {
            await FillAsync(database);
            await database.BackupAsync(folder["backup"]);
            for (var i = 0; i < 4; i++)
            {
                await database.GetDynamicCollection("known collection").DeleteAsync($"k{i}");
                Assert.That((await database.BackupAsync(folder["backup"])).IsIncremental);
            }
        }

        var segments = Directory.GetFiles(folder["backup"], "log-*", SearchOption.AllDirectories).Order(StringComparer.Ordinal).ToArray();
        Assert.That(segments, Has.Length.GreaterThan(4));
        Assert.That((await VectorDatabase.VerifyAsync(folder["backup"])) is { IsSound: true, IsSealed: true });
        File.Delete(segments[which + 1]);
        var report = await VectorDatabase.VerifyAsync(folder["backup"]);
        Assert.That(report.Problems.Single(), Does.Contain(Path.GetFileName(segments[which + 1])).And.Contain("missing"));
    }

    [Test]
    public async Task ABackupStaysEncryptedAndIsRestoredAndCheckedWithItsKey()
    {
        using var folder = new TemporaryFolder();
        using var key = Key(1);
        using var other = Key(2);
        await using (var database = await VectorDatabase.OpenAsync(new DatabaseOptions { Path = folder["live"], KeepLog = true, EncryptionKey = key }))
        {
            await FillAsync(database);
            Assert.That((await database.BackupAsync(folder["backup"])).IsIncremental, Is.False);
            await database.GetDynamicCollection("known collection").DeleteAsync("a-known-key");
            Assert.That((await database.VerifyAsync()).IsSound);
            Assert.That((await database.BackupAsync(folder["backup"])).IsIncremental, Is.True);
            await database.ChangeKeyAsync(other);
            Assert.That((await database.BackupAsync(folder["later"])).IsIncremental, Is.False);
        }

        foreach (var file in Directory.GetFiles(folder["backup"], "*", SearchOption.AllDirectories).Concat(Directory.GetFiles(folder["live"])))
        {
            var bytes = await File.ReadAllBytesAsync(file);
            Assert.That(Words.All(word => bytes.AsSpan().IndexOf(Encoding.UTF8.GetBytes(word)) < 0), file);
        }

        Assert.That((await VectorDatabase.VerifyAsync(folder["backup"], key)) is { IsSound: true, IsSealed: false, Sequence: 5 });
        Assert.That((await VectorDatabase.VerifyAsync(folder["backup"])) is { IsSound: true, IsSealed: true, Sequence: 5 });
        Assert.ThrowsAsync<DatabaseKeyException>(() => VectorDatabase.VerifyAsync(folder["backup"], other));
        Assert.ThrowsAsync<DatabaseKeyException>(() => VectorDatabase.RestoreAsync(folder["backup"], folder["r0"]));
        Assert.ThrowsAsync<DatabaseKeyException>(() => VectorDatabase.RestoreAsync(folder["backup"], folder["r0"], new RestoreOptions { EncryptionKey = other }));
        Assert.That(Directory.Exists(folder["r0"]), Is.False);
        await VectorDatabase.RestoreAsync(folder["backup"], folder["r1"], new RestoreOptions { EncryptionKey = key });
        await VectorDatabase.RestoreAsync(folder["backup"], folder["r2"], new RestoreOptions { EncryptionKey = key, ToSequence = 4 });
        await VectorDatabase.RestoreAsync(folder["later"], folder["r3"], new RestoreOptions { EncryptionKey = other });
        Assert.That((await CountAsync(folder["r1"], key), await CountAsync(folder["r2"], key), await CountAsync(folder["r3"], other)), Is.EqualTo((40, 41, 40)));

        // Without the key, damage is found by the checksums of pages and frames.
        foreach (var pattern in (string[])["rows-*", "graph-*", "log-*", Manifest.FileName, KeyFile.Name])
        {
            var file = Directory.GetFiles(folder["backup"], pattern, SearchOption.AllDirectories)[0];
            var bytes = await File.ReadAllBytesAsync(file);
            var damaged = bytes.ToArray();
            damaged[pattern == "log-*" ? 20 : bytes.Length - 30] ^= 1;
            await File.WriteAllBytesAsync(file, damaged);
            var report = await VectorDatabase.VerifyAsync(folder["backup"]);
            Assert.That(report.Problems.Single(), Does.Contain(Path.GetFileName(file)));
            await File.WriteAllBytesAsync(file, bytes);
        }
    }

    [Test]
    public async Task StreamsAndTheArchiveOfTheLogAreEncryptedToo()
    {
        using var folder = new TemporaryFolder();
        using var key = Key(1);
        using var other = Key(2);
        Directory.CreateDirectory(folder["archive"]);
        using var full = new MemoryStream();
        using var later = new MemoryStream();
        await using (var database = await VectorDatabase.OpenAsync(new DatabaseOptions { Path = folder["live"], KeepLog = true, LogArchive = folder["archive"], LogRetention = TimeSpan.FromDays(1), EncryptionKey = key }))
        {
            await FillAsync(database);
            var first = await database.BackupAsync(full);
            var collection = database.GetDynamicCollection("known collection");
            await collection.DeleteAsync("a-known-key");
            await database.BackupAsync(later, first.Sequence);
            await collection.UpsertAsync(new Dictionary<string, object?> { ["Key"] = "a-known-key", ["knownfield"] = Words[3], ["v"] = Vector });
            Assert.That(await database.ArchiveLogAsync(), Is.EqualTo(6));
        }

        byte[][] written = [full.ToArray(), later.ToArray(), .. Directory.GetFiles(folder["archive"], "*", SearchOption.AllDirectories).Concat(Directory.GetFiles(folder["live"])).Select(File.ReadAllBytes)];
        Assert.That(written.All(bytes => Words.All(word => bytes.AsSpan().IndexOf(Encoding.UTF8.GetBytes(word)) < 0)));
        Task<long> RestoreAsync(string name, RestoreOptions? options)
        {
            full.Position = later.Position = 0;
            return VectorDatabase.RestoreAsync([full, later], folder[name], options);
        }

        Assert.ThrowsAsync<DatabaseKeyException>(() => RestoreAsync("r0", null));
        Assert.ThrowsAsync<DatabaseKeyException>(() => RestoreAsync("r0", new RestoreOptions { EncryptionKey = other }));
        Assert.That(Directory.GetDirectories(folder["."]).Select(Path.GetFileName), Is.EquivalentTo(new[] { "archive", "live" }));
        Assert.That(await RestoreAsync("r1", new RestoreOptions { EncryptionKey = key }), Is.EqualTo(5));
        Assert.That(await RestoreAsync("r2", new RestoreOptions { EncryptionKey = key, LogArchive = folder["archive"] }), Is.EqualTo(6));
        Assert.That((await CountAsync(folder["r1"], key), await CountAsync(folder["r2"], key)), Is.EqualTo((40, 41)));
    }

    [Test]
    public async Task APlainDatabaseBecomesEncryptedByWayOfABackup()
    {
        using var folder = new TemporaryFolder();
        using var key = Key(1);
        await using (var database = await VectorDatabase.OpenAsync(folder["plain"]))
        {
            await FillAsync(database);
            await database.BackupAsync(folder["backup"]);
            Assert.ThrowsAsync<DatabaseKeyException>(() => database.ChangeKeyAsync(key));
        }

        Assert.That(await VectorDatabase.RestoreAsync(folder["backup"], folder["encrypted"], new RestoreOptions { EncryptionKey = key }), Is.EqualTo(4));
        Assert.That(Directory.GetDirectories(folder["."]).Select(Path.GetFileName), Is.EquivalentTo(new[] { "plain", "backup", "encrypted" }));
        foreach (var file in Directory.GetFiles(folder["encrypted"]))
        {
            Assert.That(Words.All(word => File.ReadAllBytes(file).AsSpan().IndexOf(Encoding.UTF8.GetBytes(word)) < 0), file);
        }

        await using (var encrypted = await VectorDatabase.OpenAsync(new DatabaseOptions { Path = folder["encrypted"], EncryptionKey = key }))
        {
            Assert.That(encrypted.IsEncrypted);
            var collection = encrypted.GetDynamicCollection("known collection");
            Assert.That((string)(await collection.GetAsync("a-known-key"))!["knownfield"]!, Is.EqualTo(Words[3]));
            Assert.That(collection.SearchKeys(Vector, 1)[0].Key, Is.EqualTo("a-known-key"));
            await collection.DeleteAsync("a-known-key");
        }

        Assert.That(await CountAsync(folder["encrypted"], key), Is.EqualTo(40));
    }

    [Test]
    public async Task AReaderFollowsTheWriterThroughCheckpointsAndAChangeOfTheKey()
    {
        using var folder = new TemporaryFolder();
        using var key = Key(1);
        using var other = Key(2);
        await using var writer = await VectorDatabase.OpenAsync(new DatabaseOptions { Path = folder["db"], EncryptionKey = key });
        await FillAsync(writer);
        await using var reader = await VectorDatabase.OpenAsync(new DatabaseOptions { Path = folder["db"], Access = DatabaseAccess.ReadOnly, EncryptionKey = key });
        var (written, read) = (writer.GetDynamicCollection("known collection"), reader.GetDynamicCollection("known collection"));
        Assert.That(await read.CountAsync(), Is.EqualTo(41));
        await written.DeleteAsync("a-known-key");
        await reader.RefreshAsync();
        Assert.That(await read.CountAsync(), Is.EqualTo(40));
        await writer.ChangeKeyAsync(other);
        await written.DeleteAsync("k1");
        await writer.CheckpointAsync();
        await reader.RefreshAsync();
        Assert.That(await read.CountAsync(), Is.EqualTo(39));
        Assert.That(read.SearchKeys(Vector, 50), Has.Count.EqualTo(39));
    }

    /// <summary>Every kind of index, larger than the budget: only vectors that walks in memory go through have to fit it.</summary>
    [TestCase(IndexKind.Flat, false, true)]
    [TestCase(IndexKind.IvfPq, false, true)]
    [TestCase(IndexKind.DiskAnn, false, true)]
    [TestCase(IndexKind.Hnsw, true, true)]
    [TestCase(IndexKind.Hnsw, false, false)]
    public async Task DecryptedRecordsAndVectorsKeepToTheirBudget(IndexKind kind, bool isQuantized, bool fits)
    {
        const int Count = 20_000;
        const long Budget = 128 * PageFrame.Bytes;
        using var key = Key(1);
        var disk = new MemoryStorage();
        var options = new DatabaseOptions { Path = disk.Folder, EncryptionKey = key, CheckpointBytes = long.MaxValue };
        var definition = new CollectionDefinition
        {
            Data = [new DataField("text", DataKind.Text)],
            Vectors = [new VectorField("v", 8) { DistanceFunction = DistanceFunction.EuclideanSquaredDistance, IndexKind = kind, IsQuantized = isQuantized, ConstructionEffort = 32 }],
        };
        using (var database = new VectorDatabase(new DatabaseEngine(disk, options)))
        {
            var collection = database.GetDynamicCollection("points", definition);
            await collection.EnsureCollectionExistsAsync();
            await collection.UpsertAsync(Enumerable.Range(0, Count).Select(Point));
            await database.WaitForIndexAsync();
            await database.CheckpointAsync();
        }

        options.DecryptedBytes = Budget;
        if (!fits)
        {
            Assert.That(() => new DatabaseEngine(disk, options), Throws.TypeOf<DatabaseException>().With.Message.Contains(nameof(DatabaseOptions.DecryptedBytes)));
            return;
        }

        for (var session = 0; session < 2; session++)
        {
            using var engine = new DatabaseEngine(disk, options);
            using var database = new VectorDatabase(engine);
            var points = database.GetDynamicCollection("points");
            Assert.That(points.GetStatistics().Vectors[0].IndexKind, Is.EqualTo(kind));
            var gone = Enumerable.Range(0, Count).Where(row => row % 16 == session).ToList(); // so many that places are used again
            var added = gone.ConvertAll(row => Count + (Count * session) + row);
            await points.DeleteAsync(gone.Select(row => (object)$"k{row}"));
            await points.UpsertAsync(added.Select(Point));
            List<int> some = [.. Enumerable.Range(0, 200).Select(i => i * 99).Where(row => row % 16 > session), .. added.Where((_, i) => i % 50 == 0)];
            await CheckAsync(some);
            await database.CheckpointAsync();
            await CheckAsync(some);
            Assert.That(await points.CountAsync(), Is.EqualTo(Count));

            async Task CheckAsync(IEnumerable<int> rows)
            {
                var (all, found) = (0, 0);
                foreach (var row in rows)
                {
                    var record = await points.GetAsync($"k{row}", includeVectors: true);
                    Assert.That(record!["text"], Is.EqualTo(Point(row)["text"]));
                    Assert.That(((ReadOnlyMemory<float>)record["v"]!).ToArray(), Is.EqualTo(Vector(row)));
                    all++;
                    found += points.SearchKeys(Vector(row), 1)[0].Key.Equals($"k{row}") ? 1 : 0;
                    Assert.That(engine.Encryption!.Memory.Used, Is.LessThanOrEqualTo(Budget));
                }

                Assert.That(found, Is.GreaterThanOrEqualTo(all * 0.98));
                Assert.That(points.GetStatistics().DecryptedBytes, Is.InRange(Budget / 2, Budget));
            }
        }

        static float[] Vector(int row)
        {
            var random = new Random(row);
            return [.. Enumerable.Range(0, 8).Select(_ => random.NextSingle())];
        }

        static Dictionary<string, object?> Point(int row) => new(StringComparer.Ordinal) { ["Key"] = $"k{row}", ["text"] = $"text {new string('x', row % 300)}", ["v"] = Vector(row) };
    }

    [Test]
    public void KeysComeFromFilesAndBytes()
    {
        using var folder = new TemporaryFolder();
        Directory.CreateDirectory(folder["keys"]);
        string Write(string name, byte[] bytes)
        {
            var path = Path.Combine(folder["keys"], name);
            File.WriteAllBytes(path, bytes);
            return path;
        }

        EncryptionKey.FromFile(Write("raw", new byte[32])).Dispose();
        EncryptionKey.FromFile(Write("hex", Encoding.ASCII.GetBytes(new string('a', 64) + "\r\n"))).Dispose();
        foreach (var (name, bytes) in ((string, byte[])[])[("empty", []), ("short", new byte[31]), ("long", new byte[33]), ("digits", Encoding.ASCII.GetBytes(new string('g', 64))), ("large", new byte[100_000])])
        {
            Assert.That(() => EncryptionKey.FromFile(Write(name, bytes)), Throws.TypeOf<DatabaseKeyException>(), name);
        }

        Assert.That(() => EncryptionKey.FromBytes(new byte[16]), Throws.ArgumentException);
        Assert.That(() => EncryptionKey.FromPassphrase(""), Throws.ArgumentException);
        var key = Key(1);
        key.Dispose();
        Assert.That(() => new DatabaseEngine(new MemoryStorage(), History.Options(key: key)), Throws.TypeOf<ObjectDisposedException>());
    }

    private static EncryptionKey Key(byte seed)
    {
        var bytes = new byte[32];
        bytes.AsSpan().Fill(seed);
        return EncryptionKey.FromBytes(bytes);
    }

    private static async Task FillAsync(MemoryStorage disk, EncryptionKey? key)
    {
        using var database = new VectorDatabase(new DatabaseEngine(disk, History.Options(key: key)));
        await FillAsync(database);
    }

    // Four commits, 41 records: some in files, some in the log.
    private static async Task FillAsync(VectorDatabase database)
    {
        var collection = database.GetDynamicCollection("known collection", Definition);
        await collection.EnsureCollectionExistsAsync();
        await collection.UpsertAsync(new Dictionary<string, object?> { ["Key"] = "a-known-key", ["knownfield"] = Words[3], ["v"] = Vector });
        await collection.UpsertAsync(Enumerable.Range(0, 30).Select(i => new Dictionary<string, object?> { ["Key"] = $"k{i}", ["knownfield"] = $"{Words[3]} {i}", ["v"] = new float[] { i, 1, 2, 3 } }));
        await database.WaitForIndexAsync();
        await database.CheckpointAsync();
        await collection.UpsertAsync(Enumerable.Range(30, 10).Select(i => new Dictionary<string, object?> { ["Key"] = $"k{i}", ["knownfield"] = $"{Words[3]} {i}", ["v"] = Vector }));
    }

    private static async Task WriteSessionAsync(MemoryStorage disk, EncryptionKey key, int session, Random random)
    {
        using var database = new VectorDatabase(new DatabaseEngine(disk, History.Options(key: key)));
        var collection = database.GetDynamicCollection("c", Definition);
        await collection.EnsureCollectionExistsAsync();
        for (var i = random.Next(25); i > 0; i--)
        {
            await collection.UpsertAsync(new Dictionary<string, object?> { ["Key"] = $"k{random.Next(50)}", ["knownfield"] = new string('x', random.Next(300)), ["v"] = new float[] { session, i, 1, 2 } });
            if (random.Next(12) == 0)
            {
                await database.CheckpointAsync();
            }
        }

        if (session % 7 == 3)
        {
            await database.ChangeKeyAsync(key);
        }
    }

    private static async Task<int> CountAsync(string path, EncryptionKey key)
    {
        await using var database = await VectorDatabase.OpenAsync(new DatabaseOptions { Path = path, EncryptionKey = key });
        return await database.GetDynamicCollection("known collection").CountAsync();
    }
}
