using Abi.Database.Engine;
using Abi.Database.Log;
using Abi.Database.Tests.Storage;

namespace Abi.Database.Tests.Engine;

/// <summary>A database that is open read-only follows the process that writes.</summary>
public sealed class RefreshTests
{
    private const int Records = 200; // several segments

    /// <summary>A refresh that fails on its way, because a segment is just being written to, has read what goes before: it is not read again, which would show earlier states once more.</summary>
    [Test]
    public async Task WhatWasReadBeforeAFailureIsNotReadAgain()
    {
        var disk = new MemoryStorage();
        using var writer = await WriterAsync(disk);
        using var reader = Reader(disk);
        await WriteAsync(writer, 1, Records);
        var (last, hasFailed) = (LogFormat.Name(LogSegment.NumbersIn(disk)[^1]), false);
        disk.Reading = (name, _) =>
        {
            if (name == last && !hasFailed)
            {
                hasFailed = true;
                throw new IOException("as the test wants it");
            }
        };
        await reader.RefreshAsync();
        Assert.That(hasFailed);
        Assert.That(reader.Sequence, Is.EqualTo(writer.Sequence));
        Assert.That(reader.Engine.Find("c")!.Store.View.Slots, Is.EqualTo(Records));
    }

    /// <summary>What was read is not read again each time: until the next checkpoint that may be much.</summary>
    [Test]
    public async Task ItReadsOnFromTheSegmentWhereItWas()
    {
        var disk = new MemoryStorage();
        using var writer = await WriterAsync(disk);
        await WriteAsync(writer, 1, Records / 2);
        using var reader = Reader(disk);
        await WriteAsync(writer, Records / 2, Records);
        await reader.RefreshAsync();
        var segments = LogSegment.NumbersIn(disk);
        Assert.That(segments, Has.Count.GreaterThan(4));
        HashSet<long> read = [];
        disk.Reading = (name, _) => read.Add(LogFormat.Number(name));
        await WriteAsync(writer, Records, Records + 1);
        await reader.RefreshAsync();
        Assert.That(await reader.GetDynamicCollection("c").CountAsync(), Is.EqualTo(Records + 1));
        Assert.That(read, Has.Some.GreaterThanOrEqualTo(segments[^1]).And.None.InRange(0, segments[^1] - 1));
    }

    /// <summary>Damage is not looked for twenty times, which with files of some size takes minutes: what a writer replaces is not damaged in the same way for long.</summary>
    [Test]
    public async Task DamageIsReadFiveTimes()
    {
        var disk = new MemoryStorage();
        using (var writer = await WriterAsync(disk))
        {
            await WriteAsync(writer, 1, Records);
        }

        var files = disk.Files();
        var log = files.Keys.First(name => LogFormat.Number(name) >= 0);
        files[log][600] ^= 1;
        var (damaged, reads) = (MemoryStorage.Of(files), 0);
        damaged.Reading = (name, _) => reads += name == log ? 1 : 0;
        Assert.That(() => Reader(damaged).Dispose(), Throws.TypeOf<DatabaseCorruptException>().With.Message.Contains("damaged"));
        var found = reads;
        reads = 0;
        Assert.That(() => new DatabaseEngine(damaged, History.Options()).Dispose(), Throws.TypeOf<DatabaseCorruptException>());
        Assert.That(found, Is.EqualTo(5 * reads));
    }

    /// <summary>What was closed stays so: a refresh that would open files anew opens none, which nobody would close.</summary>
    [Test]
    public async Task WhatIsClosedIsNotOpenedAnew()
    {
        using var folder = new TemporaryFolder();
        await using var writer = await VectorDatabase.OpenAsync(folder["db"]);
        var collection = writer.GetDynamicCollection("c", CrashTests.Definition);
        await collection.EnsureCollectionExistsAsync();
        var reader = await VectorDatabase.OpenAsync(new DatabaseOptions { Path = folder["db"], Access = DatabaseAccess.ReadOnly });
        await collection.UpsertAsync(CrashTests.Record(1, 0));
        await writer.CheckpointAsync();
        await reader.DisposeAsync();
        Assert.That(async () => await reader.RefreshAsync(), Throws.TypeOf<ObjectDisposedException>());
        Assert.That(async () => await reader.GetDynamicCollection("c").CountAsync(), Throws.TypeOf<ObjectDisposedException>());
    }

    private static async Task<VectorDatabase> WriterAsync(MemoryStorage disk)
    {
        var database = new VectorDatabase(new DatabaseEngine(disk, History.Options()));
        await database.GetDynamicCollection("c", CrashTests.Definition).EnsureCollectionExistsAsync();
        await WriteAsync(database, 0, 1);
        return database;
    }

    private static async Task WriteAsync(VectorDatabase database, int from, int to)
    {
        for (var i = from; i < to; i++)
        {
            await database.GetDynamicCollection("c").UpsertAsync(CrashTests.Record(i, 0));
        }
    }

    private static VectorDatabase Reader(MemoryStorage disk)
    {
        var options = History.Options();
        options.Access = DatabaseAccess.ReadOnly;
        return new VectorDatabase(new DatabaseEngine(disk, options));
    }
}
