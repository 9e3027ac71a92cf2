using System.Buffers.Binary;
using Abi.Database.Engine;
using Abi.Database.Log;
using Abi.Database.Tests.Storage;

namespace Abi.Database.Tests.Log;

/// <summary>Where a log ends: at what was never promised, never before what was.</summary>
[Parallelizable]
public sealed class LogScanTests
{
    [Test]
    public async Task ASegmentThatIsMissingIsNamed([Values(0, 1)] int missing)
    {
        var history = await History.RunAsync(30, seed: 4);
        var logs = history.Storage.List().Where(name => LogFormat.Number(name) >= 0).ToList();
        Assert.That(logs, Has.Count.GreaterThan(3));
        var kept = missing == 0 ? 0 : LogSegment.ReadFirstSequence(history.Storage, Manifest.Read(history.Storage).DatabaseId, LogFormat.Number(logs[missing])) - 1;
        history.Storage.Delete(logs[missing]);
        Assert.That(() => new DatabaseEngine(history.Storage, History.Options()), Throws.TypeOf<DatabaseCorruptException>().With.Message.Contains("missing").And.Message.Contains(logs[missing]));
        long sequence;
        using (var salvaged = new VectorDatabase(new DatabaseEngine(history.Storage, History.Options(recovery: RecoveryMode.Salvage))))
        {
            Assert.That((salvaged.Recovery.Sequence, salvaged.Recovery.CutReason is null), Is.EqualTo((kept, false)));
            sequence = salvaged.Sequence;
        }

        using var again = new VectorDatabase(new DatabaseEngine(history.Storage, History.Options()));
        Assert.That(again.Sequence, Is.EqualTo(sequence));
        Assert.That(kept == 0 || await History.StateOfAsync(again) == history.States[(int)kept]);
    }

    /// <summary>Who reads beside a writer may look for a segment a moment before it is made.</summary>
    [Test]
    public async Task ASegmentThatIsMadeMeanwhileIsNotMissing()
    {
        const string Unmade = "unmade";
        var history = await History.RunAsync(30, seed: 4);
        var disk = history.Storage;
        var (manifest, numbers) = (Manifest.Read(disk), LogSegment.NumbersIn(disk));
        var (last, begins) = (LogFormat.Name(numbers[^1]), LogSegment.ReadFirstSequence(disk, manifest.DatabaseId, numbers[^1]));
        disk.Rename(last, Unmade);
        disk.Listing = () =>
        {
            if (disk.Exists(Unmade))
            {
                disk.Rename(Unmade, last);
            }
        };
        var scan = new LogScan(disk, manifest.DatabaseId, manifest.FirstLogSegment, isSalvage: false);
        scan.Read((_, _) => true, manifest.Sequence);
        Assert.That((disk.Exists(last), scan.LastSequence), Is.EqualTo((true, begins - 1)));
    }

    [Test]
    public async Task WhatWasPromisedBehindADamagedFrameIsNotCutOff()
    {
        var (disk, killed) = await WrittenAsync(Durability.Full);
        using var end = killed;
        Damage(disk, frame: 1);
        Assert.That(() => new DatabaseEngine(disk, Options(Durability.Full)), Throws.TypeOf<DatabaseCorruptException>().With.Message.Contains("acknowledged"));
    }

    /// <summary>What was cut off is behind the end of the log. A new frame of the same length in the place of the damaged one must not make it valid again.</summary>
    [Test]
    public async Task WhatWasCutOffDoesNotComeBack([Values(1, 3)] int frame, [Values(2, LogFormat.FrameHeaderBytes, 8)] int at)
    {
        var (disk, killed) = await WrittenAsync(Durability.Os);
        using var end = killed;
        Damage(disk, frame, at);
        using (var database = new VectorDatabase(new DatabaseEngine(disk, Options(Durability.Os))))
        {
            Assert.That(database.Sequence, Is.EqualTo(frame));
            Assert.That(database.Recovery.CutReason is null, Is.EqualTo(frame == 3 && at == 8), "nothing tells that a last frame without a number was begun");
            await database.GetDynamicCollection("c").UpsertAsync(CrashTests.Record(7, 0));
        }

        using var again = new VectorDatabase(new DatabaseEngine(disk, Options(Durability.Os)));
        Assert.That(again.Sequence, Is.EqualTo(frame + 1));
        Assert.That(await again.GetDynamicCollection("c").ListAsync().Select(record => record["Key"]).ToListAsync(), Is.EquivalentTo(Enumerable.Range(0, frame - 1).Append(7).Select(i => CrashTests.Key(i, 0))));
    }

    /// <summary>A process that is killed leaves frames in the system's cache. Whoever goes on with them says nothing of them that a power cut does not leave true.</summary>
    [Test]
    public async Task FramesThatWereNotFlushedAreBeforeTheLogGoesOn([Values] bool isCut)
    {
        for (var seed = 0; seed < 20; seed++)
        {
            var (disk, killed) = await WrittenAsync(Durability.Os);
            using var end = killed;
            if (isCut)
            {
                Damage(disk, frame: 3);
            }

            var begun = disk.Journal.Count;
            using (var database = new VectorDatabase(new DatabaseEngine(disk, Options(Durability.Full))))
            {
                await database.GetDynamicCollection("c").UpsertAsync(CrashTests.Record(7, 0));
            }

            var random = new Random(seed);
            var step = seed == 0 ? disk.Journal.Count : random.Next(begun, disk.Journal.Count);
            using var again = new VectorDatabase(new DatabaseEngine(disk.CutAfter(step, random), Options(Durability.Full)));
            var last = isCut ? 4 : 5;
            Assert.That(again.Sequence, Is.InRange(seed == 0 ? last : 0, last), $"step {step}");
        }
    }

    /// <summary>Commits that only the system's cache held are durable before an opened database shows them.</summary>
    [Test]
    public async Task WhatAnOpenedDatabaseShowsSurvivesAPowerCut([Values] Durability durability)
    {
        for (var seed = 0; seed < 20; seed++)
        {
            var (disk, killed) = await WrittenAsync(Durability.Os);
            using var end = killed;
            using var database = new VectorDatabase(new DatabaseEngine(disk, Options(durability)));
            Assert.That(database.Sequence, Is.EqualTo(4));
            using var again = new VectorDatabase(new DatabaseEngine(disk.CutAfter(disk.Journal.Count, new Random(seed)), Options(durability)));
            Assert.That(again.Sequence, Is.EqualTo(4), $"seed {seed}");
        }
    }

    /// <summary>Reading each of these headers as far as it says would take the checksum of a hundred gigabytes.</summary>
    [Test]
    public async Task ATailOfMadeUpHeadersIsDamage()
    {
        var (disk, killed) = await WrittenAsync(Durability.Full);
        using var end = killed;
        var name = disk.List().Single(name => LogFormat.Number(name) >= 0);
        var bytes = disk.Files()[name];
        var begin = bytes.Length;
        Array.Resize(ref bytes, begin + (4 << 20));
        for (var at = begin + 64; at <= bytes.Length - LogFormat.FrameHeaderBytes; at += LogFormat.FrameHeaderBytes)
        {
            BinaryPrimitives.WriteInt32LittleEndian(bytes.AsSpan(at + 4), bytes.Length - at - LogFormat.FrameHeaderBytes);
            BinaryPrimitives.WriteInt64LittleEndian(bytes.AsSpan(at + 8), 100);
        }

        var files = new Dictionary<string, byte[]>(disk.Files()) { [name] = bytes };
        Assert.That(() => new DatabaseEngine(MemoryStorage.Of(files), Options(Durability.Full)), Throws.TypeOf<DatabaseCorruptException>().With.Message.Contains("looks like frames"));
        using var salvaged = new VectorDatabase(new DatabaseEngine(MemoryStorage.Of(files), new DatabaseOptions { Recovery = RecoveryMode.Salvage }));
        Assert.That(salvaged.Recovery.Sequence, Is.EqualTo(4));
        Assert.That(salvaged.Recovery.CutReason, Does.Contain("looks like frames"));
    }

    // Four commits in one segment, of a process that is killed: what it has not flushed is not flushed before the test is over.
    private static async Task<(MemoryStorage Disk, VectorDatabase Killed)> WrittenAsync(Durability durability)
    {
        var disk = new MemoryStorage();
        var database = new VectorDatabase(new DatabaseEngine(disk, Options(durability)));
        await database.GetDynamicCollection("c", CrashTests.Definition).EnsureCollectionExistsAsync();
        for (var i = 0; i < 3; i++)
        {
            await database.GetDynamicCollection("c").UpsertAsync(CrashTests.Record(i, 0));
        }

        return (disk, database);
    }

    private static DatabaseOptions Options(Durability durability)
    {
        var options = History.Options(durability);
        options.LogSegmentBytes = 1 << 16;
        return options;
    }

    private static void Damage(MemoryStorage disk, int frame, int at = LogFormat.FrameHeaderBytes)
    {
        var name = disk.List().Single(name => LogFormat.Number(name) >= 0);
        var bytes = disk.Files()[name];
        var salt = LogFormat.Salt(Manifest.Read(disk).DatabaseId, LogFormat.Number(name));
        var offset = LogFormat.HeaderBytes;
        for (; frame > 0 && LogFormat.TryReadFrame(bytes, offset, salt, 0, long.MaxValue, out var found); frame--)
        {
            offset = found.End;
        }

        using var file = disk.Open(name, create: false);
        file.Write(offset + at, [(byte)(bytes[offset + at] ^ 16)]);
    }
}
