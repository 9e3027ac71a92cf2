using Abi.Database.Engine;
using Abi.Database.Tests.Storage;

namespace Abi.Database.Tests.Engine;

/// <summary>Promise 6: a call to the disk that fails, each in turn.</summary>
[Parallelizable]
public sealed class FailureTests
{
    [TestCase(false)]
    [TestCase(true)]
    [TestCase(false, true)]
    [TestCase(true, true)]
    public async Task TheWriteFailsTheRestStaysReadableAndNothingAcknowledgedIsLost(bool isForGood, bool isEncrypted = false)
    {
        using var key = isEncrypted ? EncryptionKey.FromBytes(new byte[32]) : null;
        var calls = 0;
        for (var failing = 0; failing <= calls; failing++) // 0: none, to count the calls
        {
            var disk = new MemoryStorage();
            var number = failing;
            disk.Fails = (call, _) => call == number || (isForGood && number > 0 && call > number);
            List<int> acknowledged = [];
            DatabaseEngine? engine = null;
            try
            {
                engine = new DatabaseEngine(disk, History.Options(key: key));
                using var database = new VectorDatabase(engine);
                var collection = database.GetDynamicCollection("c", CrashTests.Definition);
                try
                {
                    await collection.EnsureCollectionExistsAsync();
                    for (var i = 0; i < 12; i++)
                    {
                        await collection.UpsertAsync([CrashTests.Record(i, 0), CrashTests.Record(i, 1)]);
                        acknowledged.Add(i);
                        if (i == 6)
                        {
                            await database.CheckpointAsync();
                        }
                    }
                }
                catch (Exception error) when (error is AbiException or IOException)
                {
                    if (await database.CollectionExistsAsync("c"))
                    {
                        Assert.That(await collection.CountAsync(), Is.EqualTo(acknowledged.Count * 2), $"call {failing}");
                        if (database.WriteFailure is not null)
                        {
                            Assert.That(async () => await collection.UpsertAsync(CrashTests.Record(99, 0)), Throws.InstanceOf<DatabaseException>(), $"call {failing}");
                        }
                    }
                }
            }
            catch (Exception error) when (engine is null && error is AbiException or IOException)
            {
                // it failed while it was opened
            }

            calls = Math.Max(calls, disk.Calls);
            disk.Fails = null;
            using var again = new VectorDatabase(new DatabaseEngine(disk, History.Options(key: key)));
            if (acknowledged.Count > 0)
            {
                var numbers = again.GetDynamicCollection("c");
                foreach (var i in acknowledged)
                {
                    Assert.That(await numbers.GetAsync(CrashTests.Key(i, 1)), Is.Not.Null, $"call {failing}, record {i}");
                }

                Assert.That(await numbers.CountAsync(), Is.InRange(acknowledged.Count * 2, (acknowledged.Count * 2) + 2));
            }
        }

        Assert.That(calls, Is.GreaterThan(40));
    }

    /// <summary>A file system of a mebibyte runs full; then there is room again. Reading needs none, and writing goes on without opening the database again.</summary>
    [Test]
    public async Task AFullDiskLosesNothing()
    {
        using var folder = new TemporaryFolder();
        using var disk = SmallDisk.TryMount(folder["disk"], 1 << 20);
        if (disk is null)
        {
            Assert.Ignore("a file system in memory cannot be mounted here");
        }

        var options = new DatabaseOptions { Path = Path.Combine(disk!.Path, "db"), LogSegmentBytes = 1 << 16, CheckpointBytes = 1 << 18 };
        var acknowledged = 0;
        await using (var database = await VectorDatabase.OpenAsync(options))
        {
            var collection = database.GetDynamicCollection("c", CrashTests.Definition);
            await collection.EnsureCollectionExistsAsync();
            WriteUntilFull(collection);
            Assert.That(acknowledged, Is.GreaterThan(100));
            Assert.That(database.WriteFailure, Is.Null);
            Assert.That(await collection.CountAsync(), Is.EqualTo(acknowledged * 2));
            Assert.That(collection.SearchKeys([1, 2, 3, 4, 5, 6, 7, 8], 5), Has.Count.EqualTo(5));
            Assert.That(() => database.CheckpointAsync(), Throws.TypeOf<DatabaseException>().With.InnerException.InstanceOf<IOException>());
            Assert.That(database.WriteFailure, Is.Null);
            await using var reader = await VectorDatabase.OpenAsync(new DatabaseOptions { Path = options.Path, Access = DatabaseAccess.ReadOnly });
            Assert.That(await reader.GetDynamicCollection("c").CountAsync(), Is.EqualTo(acknowledged * 2));
        }

        await TestContext.Out.WriteLineAsync($"{acknowledged} commits went in");
        await using (var database = await VectorDatabase.OpenAsync(options))
        {
            var collection = database.GetDynamicCollection("c");
            Assert.That(await collection.CountAsync(), Is.EqualTo(acknowledged * 2));
            WriteUntilFull(collection);
            disk.Resize(8 << 20);
            await collection.UpsertAsync([CrashTests.Record(acknowledged, 0), CrashTests.Record(acknowledged++, 1)]);
            await database.CheckpointAsync();
        }

        await using (var database = await VectorDatabase.OpenAsync(options))
        {
            Assert.That(await database.GetDynamicCollection("c").CountAsync(), Is.EqualTo(acknowledged * 2));
        }

        void WriteUntilFull(VectorCollection<object, Dictionary<string, object?>> collection)
        {
            var error = Assert.ThrowsAsync<DatabaseException>(async () =>
            {
                for (; acknowledged < 100_000; acknowledged++)
                {
                    await collection.UpsertAsync([CrashTests.Record(acknowledged, 0), CrashTests.Record(acknowledged, 1)]);
                }
            });
            Assert.That(error!.InnerException, Is.InstanceOf<IOException>());
            Assert.That(error.Message, Does.Contain("nothing was written"));
        }
    }

    /// <summary>Writes that were to be committed together with one that there is no room for are committed without it, in their order.</summary>
    [Test]
    public async Task OnAFullDiskALargeWriteFailsAlone()
    {
        var disk = new MemoryStorage();
        using (var database = new VectorDatabase(new DatabaseEngine(disk, History.Options())))
        {
            var collection = database.GetDynamicCollection("c", new CollectionDefinition { Data = [new DataField("text", DataKind.Text)] });
            await collection.EnsureCollectionExistsAsync();
            using ManualResetEventSlim isFlushing = new(), mayFlush = new();
            var segments = 0;
            disk.Fails = (_, what) =>
            {
                if (what == "flush" && !isFlushing.IsSet)
                {
                    isFlushing.Set();
                    mayFlush.Wait();
                }

                return what == "create" && ++segments > 0;
            };
            var first = Task.Run(() => collection.UpsertAsync(Record("first", 1)));
            isFlushing.Wait();
            Task[] group = [collection.UpsertAsync(Record("a", 2)), collection.UpsertAsync(Record("b", 1 << 20)), collection.UpsertAsync(Record("a", 1)), collection.UpsertAsync(Record("c", 1 << 20)), collection.UpsertAsync(Record("d", 3))];
            mayFlush.Set();
            await first;
            await Task.WhenAll(group[0], group[2], group[4]);
            foreach (var large in (Task[])[group[1], group[3]])
            {
                Assert.That(() => large, Throws.TypeOf<DatabaseException>().With.Message.Contains("nothing was written"));
            }

            Assert.That(segments, Is.EqualTo(2), "attempts: of the group, and of the first that was too large");
            Assert.That(database.WriteFailure, Is.Null);
            disk.Fails = null;
            await collection.UpsertAsync(Record("b", 1 << 20));
        }

        using var again = new VectorDatabase(new DatabaseEngine(disk, History.Options()));
        var all = again.GetDynamicCollection("c");
        Assert.That(await all.ListAsync().Select(record => $"{record["Key"]} {((string)record["text"]!).Length}").Order().ToListAsync(), Is.EqualTo(["a 1", "b 1048576", "d 3", "first 1"]));

        static Dictionary<string, object?> Record(string key, int length) => new(StringComparer.Ordinal) { ["Key"] = key, ["text"] = new string('x', length) };
    }

    /// <summary>Whoever asks for what there is no room for is told what could not be done, and which file found no room.</summary>
    [Test]
    public async Task AFullDiskIsToldAsWhatItKeepsFrom()
    {
        const string Reason = "No space left on device : '";
        using var folder = new TemporaryFolder();
        using var disk = SmallDisk.TryMount(folder["disk"], 12 << 20);
        if (disk is null)
        {
            Assert.Ignore("a file system in memory cannot be mounted here");
        }

        var (path, backup, target) = (Path.Combine(disk!.Path, "db"), Path.Combine(disk.Path, "backup"), Path.Combine(disk.Path, "restored"));
        await using (var database = await VectorDatabase.OpenAsync(new DatabaseOptions { Path = path, LogSegmentBytes = 1 << 16 }))
        {
            var collection = database.GetDynamicCollection("c", new CollectionDefinition { Data = [new DataField("text", DataKind.Text)] });
            await collection.EnsureCollectionExistsAsync();
            await collection.UpsertAsync(Enumerable.Range(0, 40).Select(i => new Dictionary<string, object?>(StringComparer.Ordinal) { ["Key"] = $"{i}", ["text"] = new string('x', 100_000) }));
            await database.BackupAsync(folder["backup"]);
            await File.WriteAllBytesAsync(Path.Combine(disk.Path, "else"), new byte[6 << 20]);
            Tells(() => database.CheckpointAsync(), $"The database {path} could not make a checkpoint; nothing is lost: {Reason}{path}");
            Tells(() => database.CompactAsync(), $"The database {path} could not be compacted; nothing is lost: {Reason}{path}");
            Tells(() => database.BackupAsync(backup), $"The database {path} could not be backed up into {backup}; earlier backups there are whole: {Reason}{backup}");
            Tells(() => VectorDatabase.RestoreAsync(folder["backup"], target), $"The backup could not be restored into {target}: {Reason}{target}");
            await collection.UpsertAsync(new Dictionary<string, object?>(StringComparer.Ordinal) { ["Key"] = "last" });
            Assert.That(await collection.CountAsync(), Is.EqualTo(41));
        }

        using EncryptionKey one = EncryptionKey.FromPassphrase("one"), two = EncryptionKey.FromPassphrase("two");
        var (keyed, other) = (Path.Combine(disk.Path, "keyed"), Path.Combine(disk.Path, "other"));
        await using (var database = await VectorDatabase.OpenAsync(new DatabaseOptions { Path = keyed, LogSegmentBytes = 1 << 16, EncryptionKey = one }))
        {
            await FillAsync(Path.Combine(disk.Path, "all"));
            Tells(() => database.ChangeKeyAsync(two), $"The key of the database {keyed} could not be changed; one of both keys opens it: {Reason}{keyed}");
        }

        Tells(() => VectorDatabase.OpenAsync(other), $"The database {other} could not be opened; what it has is safe: {Reason}{other}");
        (await VectorDatabase.OpenAsync(new DatabaseOptions { Path = keyed, EncryptionKey = one })).Dispose();

        static async Task FillAsync(string path)
        {
            await using var file = new FileStream(path, FileMode.Create, FileAccess.Write, FileShare.None, bufferSize: 0);
            try
            {
                while (true)
                {
                    await file.WriteAsync(new byte[4096]);
                }
            }
            catch (IOException)
            {
                // there is no room any more
            }
        }

        static void Tells(Func<Task> work, string beginning)
        {
            var error = Assert.ThrowsAsync<DatabaseException>(work)!;
            Assert.That(error.Message, Does.StartWith(beginning).And.EndsWith("Make room, or remove what else is in the way, and try again."));
            Assert.That(error.InnerException, Is.InstanceOf<IOException>());
        }
    }

    /// <summary>On a file system that is read-only a database can be read; who wants to write is told why it cannot be, and not that somebody else does.</summary>
    [Test]
    public async Task AReadOnlyFileSystemIsNamed()
    {
        using var folder = new TemporaryFolder();
        using var disk = SmallDisk.TryMount(folder["disk"], 16 << 20);
        if (disk is null)
        {
            Assert.Ignore("a file system in memory cannot be mounted here");
        }

        var path = Path.Combine(disk!.Path, "db");
        await using (var database = await VectorDatabase.OpenAsync(path))
        {
            var collection = database.GetDynamicCollection("c", CrashTests.Definition);
            await collection.EnsureCollectionExistsAsync();
            await collection.UpsertAsync(CrashTests.Record(1, 0));
        }

        var backup = Directory.CreateDirectory(Path.Combine(disk.Path, "backup")).FullName;
        var empty = Directory.CreateDirectory(Path.Combine(disk.Path, "empty")).FullName;
        disk.MakeReadOnly();
        Assert.That(Assert.ThrowsAsync<DatabaseException>(() => VectorDatabase.OpenAsync(path))!.Message, Does.Contain("cannot be written to").And.Contain("DatabaseAccess.ReadOnly").And.Not.Contain("elsewhere"));
        Assert.That(Assert.ThrowsAsync<DatabaseException>(() => VectorDatabase.OpenAsync(Path.Combine(disk.Path, "other")))!.Message, Does.Contain("cannot be made"));
        await using var reader = await VectorDatabase.OpenAsync(new DatabaseOptions { Path = path, Access = DatabaseAccess.ReadOnly });
        Assert.That(await reader.GetDynamicCollection("c").CountAsync(), Is.EqualTo(1));

        // How to read a database helps nobody where there is none.
        Assert.That(Assert.ThrowsAsync<DatabaseException>(() => reader.BackupAsync(backup))!.Message, Does.Contain($"{backup} cannot be written to").And.Not.Contain("ReadOnly"));
        Assert.That(Assert.ThrowsAsync<DatabaseException>(() => VectorDatabase.OpenAsync(empty))!.Message, Does.Contain($"{empty} cannot be written to").And.Not.Contain("ReadOnly"));
    }
}
