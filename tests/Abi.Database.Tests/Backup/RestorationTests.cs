using Abi.Database.Backup;
using Abi.Database.Encryption;
using Abi.Database.Engine;
using Abi.Database.Storage;
using Abi.Database.Tests.Storage;

namespace Abi.Database.Tests.Backup;

/// <summary>A backup is restored into any folder that is empty, whole or not at all, and nothing else is touched.</summary>
[Parallelizable]
public sealed class RestorationTests
{
    [Test]
    public async Task AnEmptyFolderIsRestoredIntoWhateverItIs([Values("new", "deep", "empty", "link", "mount", "volume")] string kind, [Values] bool isEncrypted)
    {
        using var folder = new TemporaryFolder();
        using var key = isEncrypted ? EncryptionKey.FromBytes(new byte[32]) : null;
        await BackupAsync(folder);
        var path = folder[kind == "deep" ? "a/b/target" : "target"] + (kind == "empty" ? Path.DirectorySeparatorChar : "");
        using var disk = kind == "mount" ? SmallDisk.TryMount(path, 16 << 20) : null;
        switch (kind)
        {
            case "empty":
                Directory.CreateDirectory(path);
                break;
            case "link":
                Directory.CreateDirectory(folder["elsewhere"]);
                Directory.CreateSymbolicLink(path, folder["elsewhere"]);
                break;
            case "mount" when disk is null:
                Assert.Ignore("a file system in memory cannot be mounted here");
                break;
            case "volume":
                Directory.CreateDirectory(Path.Combine(path, "lost+found"));
                break;
        }

        await VectorDatabase.RestoreAsync(folder["backup"], path, new RestoreOptions { EncryptionKey = key });
        await using (var database = await VectorDatabase.OpenAsync(new DatabaseOptions { Path = kind == "link" ? folder["elsewhere"] : path, EncryptionKey = key }))
        {
            Assert.That(database.Recovery.Warnings, Is.Empty);
            Assert.That(await database.GetDynamicCollection("c").CountAsync(), Is.EqualTo(2));
        }

        Assert.That(new DirectoryInfo(Path.TrimEndingDirectorySeparator(path)).LinkTarget, Is.EqualTo(kind == "link" ? folder["elsewhere"] : null));
        Assert.That(Directory.GetDirectories(path).Select(Path.GetFileName), Is.EqualTo(kind == "volume" ? (string[])["lost+found"] : []));
        Assert.That(Directory.GetFiles(folder["."]), Is.Empty);
    }

    /// <summary>It is refused before anything is done, and what a restore that was cut short has left is named.</summary>
    [TestCase("mine.txt")]
    [TestCase("folder/mine.txt")]
    [TestCase(Restoration.WorkName + "/rows-000001-0000000001.abi")]
    public async Task AFolderThatIsNotEmptyIsRefused(string present)
    {
        using var folder = new TemporaryFolder();
        Directory.CreateDirectory(Path.GetDirectoryName(Path.Combine(folder["target"], present))!);
        await File.WriteAllTextAsync(Path.Combine(folder["target"], present), "mine");
        var error = Assert.ThrowsAsync<DatabaseException>(() => VectorDatabase.RestoreAsync(folder["backup"], folder["target"]))!;
        Assert.That(error.Message, Does.Contain("not empty").And.Contain(present.Split('/')[0]));
        Assert.That(error.Message.Contains("cut short", StringComparison.Ordinal), Is.EqualTo(present.StartsWith(Restoration.WorkName, StringComparison.Ordinal)));
        Assert.That(Directory.GetFiles(folder["target"], "*", SearchOption.AllDirectories), Is.EqualTo((string[])[Path.GetFullPath(present, folder["target"])]));
    }

    /// <summary>What a backup that was cut short has left, or somebody has put there, neither hinders a restore nor is taken along.</summary>
    [Test]
    public async Task WhatElseLiesInABackupIsLeft([Values] bool isEncrypted)
    {
        using var folder = new TemporaryFolder();
        using var key = isEncrypted ? EncryptionKey.FromBytes(new byte[32]) : null;
        await BackupAsync(folder);
        string[] others = ["mine.txt", "encrypted", Restoration.WorkName, "log-000000000009.abi.tmp", "rows-000009-0000000009.abi"];
        foreach (var name in others)
        {
            await File.WriteAllTextAsync(Path.Combine(Directory.GetDirectories(folder["backup"]).Single(), name), "mine");
        }

        await VectorDatabase.RestoreAsync(folder["backup"], folder["target"], new RestoreOptions { EncryptionKey = key });
        Assert.That(Directory.GetFiles(folder["target"]).Select(Path.GetFileName).Intersect(others), Is.Empty);
        await using var database = await VectorDatabase.OpenAsync(new DatabaseOptions { Path = folder["target"], EncryptionKey = key });
        Assert.That(await database.GetDynamicCollection("c").CountAsync(), Is.EqualTo(2));
    }

    [Test]
    public async Task FoldersBesideAreNotTouched([Values] bool isEncrypted)
    {
        using var folder = new TemporaryFolder();
        using var key = isEncrypted ? EncryptionKey.FromBytes(new byte[32]) : null;
        await BackupAsync(folder);
        foreach (var name in (string[])["target.restoring", "target.restoring.encrypted"])
        {
            Directory.CreateDirectory(folder[name]);
            await File.WriteAllTextAsync(Path.Combine(folder[name], "mine.txt"), "mine");
        }

        await VectorDatabase.RestoreAsync(folder["backup"], folder["target"], new RestoreOptions { EncryptionKey = key });
        Assert.That(Directory.GetFiles(folder["."], "mine.txt", SearchOption.AllDirectories), Has.Length.EqualTo(2));
    }

    /// <summary>Whoever opens the folder meanwhile would make a database in it.</summary>
    [Test]
    public async Task NobodyElseWritesMeanwhile()
    {
        using var folder = new TemporaryFolder();
        using var root = new DiskStorage(folder["target"], create: true);
        var history = await History.RunAsync(3, seed: 4);
        await Restoration.RunAsync(root, new RestoreOptions(), work =>
        {
            Copy(history.Storage, work);
            Assert.That(root.TryLock(), Is.Null);
            Assert.That(() => VectorDatabase.OpenAsync(folder["target"]), Throws.TypeOf<DatabaseException>().With.Message.Contains("elsewhere"));
            return Task.FromResult<DateTimeOffset?>(null);
        });
        await using var database = await VectorDatabase.OpenAsync(folder["target"]);
        Assert.That(await History.StateOfAsync(database), Is.EqualTo(history.States[^1]));
    }

    [Test]
    public async Task APowerCutLeavesNoDatabaseOrTheWholeOne([Values] bool isEncrypted)
    {
        const int Rounds = 5;
        using var key = isEncrypted ? EncryptionKey.FromBytes(new byte[32]) : null;
        var history = await History.RunAsync(8, seed: 5, checkpointsAfter: [5]);
        var disk = new MemoryStorage();
        await Restoration.RunAsync(disk, new RestoreOptions { EncryptionKey = key }, work => Task.FromResult(Copy(history.Storage, work)));
        var first = disk.Journal.FindIndex(step => step.NewName is { } name && !name.Contains('/', StringComparison.Ordinal)); // nothing is in the folder itself before
        var (refused, whole) = (0, 0);
        for (var round = 0; round < Rounds; round++)
        {
            for (var step = first; step <= disk.Journal.Count; step++)
            {
                DatabaseEngine engine;
                try
                {
                    engine = new DatabaseEngine(disk.CutAfter(step, new Random((round * 100_003) + step)), History.Options(key: key));
                }
                catch (AbiException error)
                {
                    Assert.That(error.Message, Does.Contain("cut short").And.Contain(Restoration.WorkName), $"cut behind step {step} of {disk.Journal.Count}, round {round}");
                    refused++;
                    continue;
                }

                using var database = new VectorDatabase(engine);
                Assert.That(await History.StateOfAsync(database), Is.EqualTo(history.States[^1]), $"cut behind step {step} of {disk.Journal.Count}, round {round}");
                Assert.That(database.Recovery.Warnings, Is.Empty);
                whole++;
            }
        }

        await TestContext.Out.WriteLineAsync($"{refused} refused, {whole} whole");
        Assert.That((refused > 0, whole > Rounds), Is.EqualTo((true, true)));
    }

    /// <summary>The process was killed on the way. No database is made beside what it left, no writer or reader takes it for one, and the way out that is named is one.</summary>
    [Test]
    public async Task WhatARestoreThatWasKilledLeftIsRefused([Values("filling", "moving")] string at, [Values] bool isEncrypted, [Values] DatabaseAccess access)
    {
        using var folder = new TemporaryFolder();
        using var key = isEncrypted ? EncryptionKey.FromBytes(new byte[32]) : null;
        await BackupAsync(folder);
        await VectorDatabase.RestoreAsync(folder["backup"], folder["whole"], new RestoreOptions { EncryptionKey = key });
        var work = Directory.CreateDirectory(Path.Combine(folder["target"], Restoration.WorkName));
        foreach (var file in Directory.GetFiles(folder["whole"]))
        {
            var name = Path.GetFileName(file);
            File.Move(file, Path.Combine(at == "moving" && name.StartsWith("rows-", StringComparison.Ordinal) ? folder["target"] : work.FullName, name));
        }

        var before = Directory.GetFiles(folder["target"], "*", SearchOption.AllDirectories);
        var options = new DatabaseOptions { Path = folder["target"], EncryptionKey = key, Access = access };
        Assert.That(() => VectorDatabase.OpenAsync(options), Throws.TypeOf<DatabaseException>().With.Message.Contains($"was cut short: if it was, delete '{Restoration.WorkName}'"));
        Assert.That(Directory.GetFiles(folder["target"], "*", SearchOption.AllDirectories), Is.EquivalentTo(before));
        work.Delete(recursive: true);
        Array.ForEach(Directory.GetFiles(folder["target"]), File.Delete);
        await VectorDatabase.RestoreAsync(folder["backup"], folder["target"], new RestoreOptions { EncryptionKey = key });
        await using var database = await VectorDatabase.OpenAsync(options);
        Assert.That(await database.GetDynamicCollection("c").CountAsync(), Is.EqualTo(2));
    }

    /// <summary>The power went off when all was moved up: should the manifest be lost later, nobody is told to delete what is there.</summary>
    [Test]
    public async Task WhatIsLeftBesideAWholeDatabaseIsDeletedWhenItIsOpened()
    {
        using var folder = new TemporaryFolder();
        await BackupAsync(folder);
        var rest = Directory.CreateDirectory(Path.Combine(folder["live"], Restoration.WorkName));
        await using (var reader = await VectorDatabase.OpenAsync(new DatabaseOptions { Path = folder["live"], Access = DatabaseAccess.ReadOnly }))
        {
            Assert.That(Directory.Exists(rest.FullName));
        }

        await using var database = await VectorDatabase.OpenAsync(folder["live"]);
        Assert.That(Directory.Exists(rest.FullName), Is.False);
        Assert.That(await database.GetDynamicCollection("c").CountAsync(), Is.EqualTo(2));
    }

    /// <summary>Somebody makes a database there between the first look at the folder and taking its lock.</summary>
    [Test]
    public void WhatWasMadeMeanwhileIsNotReplaced()
    {
        var disk = new MemoryStorage();
        var isFirst = true;
        disk.Listing = () =>
        {
            if (!isFirst)
            {
                disk.Listing = null;
                disk.ReplaceContent(Manifest.FileName, [1, 2, 3]);
            }

            isFirst = false;
        };
        Assert.That(() => Restoration.RunAsync(disk, new RestoreOptions(), _ => throw new InvalidOperationException("It was filled.")), Throws.TypeOf<DatabaseException>().With.Message.Contains("not empty"));
        Assert.That(disk.Files(), Has.Count.EqualTo(1));
    }

    /// <summary>The failure is told, and nothing is left.</summary>
    [Test]
    public async Task WhatFailsOnTheWayLeavesTheFolderEmpty([Values] bool isEncrypted)
    {
        using var key = isEncrypted ? EncryptionKey.FromBytes(new byte[32]) : null;
        var history = await History.RunAsync(8, seed: 5, checkpointsAfter: [5]);
        var calls = int.MaxValue;
        for (var failing = 1; failing <= calls; failing++)
        {
            var (disk, number, isDone) = (new MemoryStorage(), failing, false);
            disk.Fails = (call, _) => call == number;
            try
            {
                await Restoration.RunAsync(disk, new RestoreOptions { EncryptionKey = key }, work => Task.FromResult(Copy(history.Storage, work)));
                isDone = true;
            }
            catch (Exception error) when (error is IOException or DatabaseException { InnerException: IOException })
            {
                Assert.That(error.Message, Does.Contain("as the test wants it"));
                Assert.That(disk.Files(), Is.Empty, $"call {failing}");
            }

            disk.Fails = null;
            if (isDone)
            {
                calls = disk.Calls;
                using var database = new VectorDatabase(new DatabaseEngine(disk, History.Options(key: key)));
                Assert.That(await History.StateOfAsync(database), Is.EqualTo(history.States[^1]), $"call {failing}");
            }
        }

        Assert.That(calls, Is.GreaterThan(30).And.LessThan(int.MaxValue));
    }

    private static DateTimeOffset? Copy(MemoryStorage backup, IStorage work)
    {
        foreach (var name in backup.List())
        {
            using var file = backup.OpenRead(name);
            FileCopy.Copy(file, work, name);
        }

        return null;
    }

    private static async Task BackupAsync(TemporaryFolder folder)
    {
        await using var database = await VectorDatabase.OpenAsync(folder["live"]);
        var collection = database.GetDynamicCollection("c", CrashTests.Definition);
        await collection.EnsureCollectionExistsAsync();
        await collection.UpsertAsync([CrashTests.Record(1, 0), CrashTests.Record(1, 1)]);
        await database.BackupAsync(folder["backup"]);
    }
}
