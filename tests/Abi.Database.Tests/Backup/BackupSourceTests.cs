using Abi.Database.Backup;
using Abi.Database.Engine;
using Abi.Database.Log;
using Abi.Database.Tests.Storage;

namespace Abi.Database.Tests.Backup;

/// <summary>What a process that only reads takes for a backup while another one, which writes, makes a checkpoint.</summary>
public sealed class BackupSourceTests
{
    /// <summary>The files of the first manifest and the log that is kept can be read all the same: only the manifest tells that they do not belong to the one that is copied.</summary>
    [Test]
    public async Task AManifestThatChangesMeanwhileDoesNotCount([Values] bool keepsLog)
    {
        var (disk, _) = await MadeAsync(keepsLog);
        using var writer = new VectorDatabase(new DatabaseEngine(disk, Options(keepsLog)));
        await writer.GetDynamicCollection("c").UpsertAsync(CrashTests.Record(1, 0));
        disk.Reading = (name, _) =>
        {
            if (name == Manifest.FileName)
            {
                disk.Reading = null;
                writer.CheckpointAsync().GetAwaiter().GetResult();
            }
        };
        Assert.That(BackupSource.TryOfReader(disk, _ => null, checksFiles: false), Is.Null);
        using var source = BackupSource.TryOfReader(disk, _ => null, checksFiles: false);
        Assert.That((source!.Sequence, source.Files.Count), Is.EqualTo((3, 3)), "the second attempt finds the new files");
    }

    [Test]
    public async Task DamageIsNoManifestThatChanged()
    {
        var (disk, log) = await MadeAsync(keepsLog: false);
        using (var file = disk.Open(log, create: false))
        {
            file.Write(0, new byte[LogFormat.HeaderBytes]);
        }

        Assert.That(() => BackupSource.TryOfReader(disk, _ => null, checksFiles: false), Throws.TypeOf<DatabaseCorruptException>().With.Message.Contains(log));
    }

    // Two commits in the log, and no files yet.
    private static async Task<(MemoryStorage Disk, string Log)> MadeAsync(bool keepsLog)
    {
        var disk = new MemoryStorage();
        using var database = new VectorDatabase(new DatabaseEngine(disk, Options(keepsLog)));
        await database.GetDynamicCollection("c", CrashTests.Definition).EnsureCollectionExistsAsync();
        await database.GetDynamicCollection("c").UpsertAsync(CrashTests.Record(0, 0));
        return (disk, disk.List().Single(name => LogFormat.Number(name) >= 0));
    }

    private static DatabaseOptions Options(bool keepsLog)
    {
        var options = History.Options();
        options.KeepLog = keepsLog;
        return options;
    }
}
