using System.Buffers.Binary;
using System.Text;
using Abi.Database.Backup;
using Abi.Database.Engine;
using Abi.Database.Storage;
using Abi.Database.Tests.Storage;

namespace Abi.Database.Tests.Backup;

/// <summary>Backups as streams: whole and in pieces, cut, damaged and made up.</summary>
[Parallelizable]
public sealed class StreamBackupTests
{
    [Test]
    public async Task PiecesApartAndInOneStreamAreRestoredToAnyCommit()
    {
        using var folder = new TemporaryFolder();
        List<byte[]> pieces = [];
        long last = 0;
        var history = await History.RunAsync(
            60,
            seed: 3,
            checkpointsAfter: [20, 41],
            change: (_, options) => options.KeepLog = true,
            afterCommit: async (i, database) =>
            {
                if (i % 15 == 2)
                {
                    var stream = SequentialStream.ToWrite();
                    var report = await database.BackupAsync(stream, pieces.Count == 0 ? null : last);
                    Assert.That((report.IsIncremental, report.Sequence), Is.EqualTo((pieces.Count > 0, database.Sequence)));
                    Assert.That(stream.Written, Has.Length.GreaterThan((int)report.CopiedBytes));
                    last = report.Sequence;
                    pieces.Add(stream.Written);
                }
            });
        Assert.That(pieces, Has.Count.EqualTo(4));

        // Without the room that segments have to grow in.
        Assert.That(pieces.Sum(piece => piece.Length), Is.LessThan(history.Storage.Files().Sum(file => file.Value.Length) * 2));
        var first = await RestoreAsync(folder["first"], [pieces[0]], new RestoreOptions());
        for (var commit = first + 1; commit <= last; commit += 4)
        {
            var (apart, together) = (folder[$"apart{commit}"], folder[$"together{commit}"]);
            Assert.That(await RestoreAsync(apart, pieces, new RestoreOptions { ToSequence = commit }), Is.EqualTo(commit));
            Assert.That(await RestoreAsync(together, [[.. pieces.SelectMany(piece => piece)]], new RestoreOptions { ToSequence = commit }), Is.EqualTo(commit));
            foreach (var path in (string[])[apart, together])
            {
                await using var restored = await VectorDatabase.OpenAsync(path);
                Assert.That(await History.StateOfAsync(restored), Is.EqualTo(history.States[(int)commit]), $"commit {commit}");
            }
        }
    }

    [Test]
    public async Task APieceThatIsMissingIsNamed()
    {
        using var folder = new TemporaryFolder();
        var (pieces, others) = (await PiecesAsync(), await PiecesAsync());
        var gap = Assert.ThrowsAsync<DatabaseException>(() => RestoreAsync(folder["gap"], [pieces[0], pieces[2]], null));
        Assert.That(gap!.Message, Does.Contain("end with commit 3").And.Contain("commits 8 to 9"));
        Assert.That(Directory.GetFileSystemEntries(Path.GetDirectoryName(folder["gap"])!), Is.Empty, "nothing is left behind");
        Assert.That(Assert.ThrowsAsync<DatabaseException>(() => RestoreAsync(folder["no base"], [pieces[1]], null))!.Message, Does.Contain("begins with an incremental backup, which follows commit 3"));
        Assert.That(Assert.ThrowsAsync<DatabaseException>(() => RestoreAsync(folder["two"], [pieces[0], pieces[0]], null))!.Message, Does.Contain("second full backup"));
        Assert.That(Assert.ThrowsAsync<DatabaseException>(() => RestoreAsync(folder["other"], [pieces[0], others[1]], null))!.Message, Does.Contain("one database"));
        Assert.That(Assert.ThrowsAsync<DatabaseException>(() => RestoreAsync(folder["beyond"], pieces, new RestoreOptions { ToSequence = 10 }))!.Message, Does.Contain("ends with commit 9"));
        Assert.That(await RestoreAsync(folder["twice"], [pieces[0], pieces[1], pieces[1], pieces[2], pieces[1]], null), Is.EqualTo(9));
        Assert.That(async () => await VectorDatabase.RestoreAsync([], folder["none"]), Throws.ArgumentException);
    }

    [Test]
    public async Task WhatIsNotKeptCannotBeGoneOnWith()
    {
        var history = new MemoryStorage();
        using var database = new VectorDatabase(new DatabaseEngine(history, History.Options()));
        var collection = database.GetDynamicCollection("c", CrashTests.Definition);
        await collection.EnsureCollectionExistsAsync();
        await collection.UpsertAsync(CrashTests.Record(1, 0));
        await database.CheckpointAsync();
        Assert.That(Assert.ThrowsAsync<DatabaseException>(() => database.BackupAsync(Stream.Null, 1))!.Message, Does.Contain("after commit 1 is not kept").And.Contain("begins with commit 3"));
        Assert.That(Assert.ThrowsAsync<DatabaseException>(() => database.BackupAsync(Stream.Null, 7))!.Message, Does.Contain("ends with commit 2"));
        Assert.That((await database.BackupAsync(Stream.Null, 2)).CopiedFiles, Is.Zero);
        Assert.That(async () => await database.BackupAsync(Stream.Null, -1), Throws.TypeOf<ArgumentOutOfRangeException>());
    }

    [TestCase(13)]
    [TestCase(1, Explicit = true, Reason = "long: every byte")]
    public async Task ACutOrADamagedStreamIsRefused(int stride)
    {
        var pieces = await PiecesAsync();
        var whole = pieces.SelectMany(piece => piece).ToArray();
        var ends = pieces.Select((_, i) => pieces.Take(i + 1).Sum(piece => piece.Length)).ToHashSet();
        Assert.That(await ReadAsync(whole), Is.EqualTo(9));
        var random = new Random(8);
        for (var at = 0; at < whole.Length; at += stride)
        {
            // Behind a piece is where a stream may end: there it is the backup that it was then.
            if (!ends.Contains(at))
            {
                Assert.That(async () => await ReadAsync(whole[..at]), Throws.InstanceOf<DatabaseCorruptException>(), $"cut after {at} of {whole.Length} bytes");
            }

            byte[] damaged = [.. whole];
            damaged[at] ^= (byte)(1 << random.Next(8));
            Assert.That(async () => await ReadAsync(damaged), Throws.InstanceOf<AbiException>(), $"byte {at} of {whole.Length}");
        }

        foreach (var end in ends)
        {
            Assert.That(async () => await ReadAsync(whole[..(end - 1)]), Throws.InstanceOf<DatabaseCorruptException>());
        }

        Assert.That(async () => await ReadAsync([.. whole, 0]), Throws.InstanceOf<DatabaseCorruptException>(), "a byte too many");
    }

    [TestCase("../escaped.abi")]
    [TestCase("/tmp/escaped.abi")]
    [TestCase("rows-/../../escaped.abi")]
    [TestCase("rows-..abi")]
    [TestCase("abi.lock")]
    [TestCase("log-1.txt")]
    [TestCase("nul")]
    [TestCase("rows-000001\0.abi")]
    public async Task ANameThatIsNoFileOfADatabaseIsRefused(string name)
    {
        var piece = (await PiecesAsync())[0];
        var made = new List<byte>(piece[..BackupPiece.HeaderBytes]);
        made.AddRange(BackupPiece.Entry(name, 1));
        made.AddRange([7, 0, 0, 0, 0]);
        var disk = new MemoryStorage();
        Assert.That(async () => await new BackupPieceReader(disk).ReadAsync(new MemoryStream([.. made]), "stream", default), Throws.InstanceOf<DatabaseCorruptException>().With.Message.Contains("cannot have here"));
        Assert.That(disk.List(), Is.Empty);
    }

    [Test, NonParallelizable] // what all threads allocate is counted
    public async Task ALengthIsNotBelieved()
    {
        var piece = (await PiecesAsync())[0];
        foreach (var length in (long[])[long.MaxValue, 1L << 40, -1])
        {
            byte[] made = [.. piece[..BackupPiece.HeaderBytes], .. BackupPiece.Entry(Manifest.FileName, length), .. new byte[100]];
            var before = GC.GetTotalAllocatedBytes(precise: true);
            Assert.That(async () => await ReadAsync(made), Throws.InstanceOf<DatabaseCorruptException>());
            Assert.That(GC.GetTotalAllocatedBytes(precise: true) - before, Is.LessThan(16 << 20));
        }

        // A name's length, too.
        var entry = BackupPiece.Entry(Manifest.FileName, 1);
        BinaryPrimitives.WriteInt32LittleEndian(entry.AsSpan(4), int.MaxValue);
        Assert.That(async () => await ReadAsync([.. piece[..BackupPiece.HeaderBytes], .. entry]), Throws.InstanceOf<DatabaseCorruptException>());
        Assert.That(async () => await ReadAsync(Encoding.ASCII.GetBytes(new string('x', 200))), Throws.InstanceOf<DatabaseCorruptException>().With.Message.Contains("ABIBAK01"));
        byte[] newer = [.. piece];
        newer[8] = 2;
        Assert.That(async () => await ReadAsync(newer), Throws.InstanceOf<DatabaseCorruptException>().With.Message.Contains("version 2"));
    }

    /// <summary>Pieces whose checksums are right, but which say of themselves what they are not.</summary>
    [Test]
    public async Task APieceThatClaimsOtherCommitsIsRefused()
    {
        var pieces = await PiecesAsync();
        foreach (var (piece, claim, change) in (from piece in Enumerable.Range(0, 3) from claim in new[] { 40, 48 } from change in new[] { -2, -1, 1, 2 } select (piece, claim, change)).Where(one => one is not { piece: 0, claim: 40 }))
        {
            byte[][] crafted = [.. pieces];
            crafted[piece] = Crafted(pieces[piece], header => BinaryPrimitives.WriteInt64LittleEndian(header[claim..], BinaryPrimitives.ReadInt64LittleEndian(header[claim..]) + change));
            Assert.That(async () => await ReadAsync([.. crafted.SelectMany(one => one)]), Throws.InstanceOf<AbiException>().With.Message.Contains("is said to").Or.Message.Contains("are missing"), $"piece {piece}, byte {claim}, {change}");
        }

        // The same piece twice is no other claim.
        Assert.That(await ReadAsync([.. pieces[0], .. pieces[1], .. pieces[1], .. pieces[2], .. pieces[1]]), Is.EqualTo(9));
        Assert.That(async () => await ReadAsync([.. pieces[0], .. pieces[1], .. Crafted(pieces[1], header => header[48]--)]), Throws.InstanceOf<DatabaseCorruptException>().With.Message.Contains("commits 4 to 6, but holds 4 to 7"));
    }

    [TestCase(4, 1)]
    [TestCase(8, -1)]
    public async Task AnEndThatCountsOtherwiseIsRefused(int field, int change)
    {
        var crafted = Crafted((await PiecesAsync())[0], piece => piece[^(BackupPiece.EndBytes - field)] += (byte)change);
        Assert.That(async () => await ReadAsync(crafted), Throws.InstanceOf<DatabaseCorruptException>().With.Message.Contains("whole backup"));
    }

    private delegate void PieceChange(Span<byte> piece);

    // Changed, with checksums that are right.
    private static byte[] Crafted(byte[] piece, PieceChange change)
    {
        byte[] crafted = [.. piece];
        change(crafted);
        crafted.AsSpan(12, 4).Clear();
        BinaryPrimitives.WriteUInt32LittleEndian(crafted.AsSpan(12), Crc32C.Compute(crafted.AsSpan(0, BackupPiece.HeaderBytes)));
        BinaryPrimitives.WriteUInt32LittleEndian(crafted.AsSpan(crafted.Length - 4), Crc32C.Compute(crafted.AsSpan(0, crafted.Length - 4)));
        return crafted;
    }

    /// <summary>The manifest of a checkpoint that failed at its very end is on the disk, and its files may be gone soon: a backup has that which the database goes on with.</summary>
    [Test]
    public async Task AfterACheckpointThatFailedLateABackupIsWhole([Values] bool isEncrypted)
    {
        using var key = isEncrypted ? EncryptionKey.FromBytes(new byte[32]) : null;
        var disk = new MemoryStorage();
        using var folder = new TemporaryFolder();
        using var stream = new MemoryStream();
        using (var database = new VectorDatabase(new DatabaseEngine(disk, History.Options(key: key))))
        {
            var collection = database.GetDynamicCollection("c", CrashTests.Definition);
            await collection.EnsureCollectionExistsAsync();
            await collection.UpsertAsync(CrashTests.Record(1, 0));
            await database.WaitForIndexAsync();
            var isNamed = false;
            disk.Fails = (_, what) => (isNamed |= what == "rename" && disk.Exists(Manifest.FileName + ".tmp")) && what == "flush folder";
            Assert.That(async () => await database.CheckpointAsync(), Throws.TypeOf<DatabaseException>().With.InnerException.InstanceOf<IOException>());
            disk.Fails = null;
            await collection.UpsertAsync(CrashTests.Record(2, 0));
            disk.Fails = (_, what) => what == "rename" && disk.Exists(Manifest.FileName + ".tmp");
            Assert.That(async () => await database.BackupAsync(stream), Throws.TypeOf<DatabaseException>().With.Message.StartsWith($"The database {database.Path} could not be backed up: ").And.InnerException.InstanceOf<IOException>());
            Assert.That(stream.Length, Is.Zero);
            disk.Fails = null;
            await database.BackupAsync(stream);
        }

        stream.Position = 0;
        Assert.That(await VectorDatabase.RestoreAsync(stream, folder["restored"], new RestoreOptions { EncryptionKey = key }), Is.EqualTo(3));
        using var again = new VectorDatabase(new DatabaseEngine(disk, History.Options(key: key)));
        Assert.That(await again.GetDynamicCollection("c").CountAsync(), Is.EqualTo(2));
    }

    /// <summary>The stream is the caller's, and so is what it throws.</summary>
    [Test]
    public async Task WhatTheStreamThrowsPassesUnchanged()
    {
        using var database = new VectorDatabase(new DatabaseEngine(new MemoryStorage(), History.Options()));
        using var stream = new MemoryStream(new byte[10]); // and not longer
        Assert.That(async () => await database.BackupAsync(stream), Throws.TypeOf<NotSupportedException>());
    }

    [Test]
    public async Task ADamagedDatabaseGivesNoBackup()
    {
        var history = await History.RunAsync(10, seed: 4, checkpointsAfter: [8]);
        var files = history.Storage.Files();
        files[files.Keys.Single(name => name.StartsWith("rows-", StringComparison.Ordinal))][5000] ^= 1;
        using var database = new VectorDatabase(new DatabaseEngine(MemoryStorage.Of(files), History.Options()));
        using var stream = new MemoryStream();
        Assert.That(async () => await database.BackupAsync(stream), Throws.InstanceOf<DatabaseCorruptException>());
        Assert.That(stream.Length, Is.Zero);
    }

    /// <summary>A process that reads makes backups while another writes, makes checkpoints and uses its log again.</summary>
    [NonParallelizable] // the slower the rounds are, the more is written meanwhile
    [TestCase(false)]
    [TestCase(true)]
    public async Task AReaderMakesBackupsBesideAWriter(bool keepsLog)
    {
        const int Rounds = 20;
        using var folder = new TemporaryFolder();
        var options = new DatabaseOptions { Path = folder["live"], LogSegmentBytes = 1 << 16, CheckpointBytes = 1 << 16, Durability = Durability.Os, KeepLog = keepsLog };
        await using var writer = await VectorDatabase.OpenAsync(options);
        var collection = writer.GetDynamicCollection("c", new CollectionDefinition { Data = [new DataField("text", DataKind.Text)] });
        await collection.EnsureCollectionExistsAsync();
        await using var reader = await VectorDatabase.OpenAsync(new DatabaseOptions { Path = folder["live"], Access = DatabaseAccess.ReadOnly });
        using var stop = new CancellationTokenSource();
        var written = 0;
        var writing = Task.Run(async () =>
        {
            for (; !stop.IsCancellationRequested; written++)
            {
                await collection.UpsertAsync(((int[])[0, 1]).Select(part => new Dictionary<string, object?> { ["Key"] = CrashTests.Key(written, part), ["text"] = new string('x', 100) }));
                if (written % 20 == 0)
                {
                    await Task.Delay(1); // the others have a turn on a small machine
                }
            }
        });
        var incremental = 0;
        for (var round = 0; round < Rounds; round++)
        {
            var before = writer.Sequence;
            var toFolder = await reader.BackupAsync(folder["backup"]);
            incremental += toFolder.IsIncremental ? 1 : 0;
            using var stream = new MemoryStream();
            var toStream = await reader.BackupAsync(stream);
            Assert.That(toFolder.Sequence, Is.GreaterThanOrEqualTo(before));
            Assert.That(toStream.Sequence, Is.GreaterThanOrEqualTo(toFolder.Sequence));
            stream.Position = 0;
            await VectorDatabase.RestoreAsync(folder["backup"], folder[$"folder{round}"]);
            await VectorDatabase.RestoreAsync(stream, folder[$"stream{round}"]);
            foreach (var (path, sequence) in ((string, long)[])[(folder[$"folder{round}"], toFolder.Sequence), (folder[$"stream{round}"], toStream.Sequence)])
            {
                await using var restored = await VectorDatabase.OpenAsync(path);
                var numbers = restored.GetDynamicCollection("c");
                Assert.That(await numbers.CountAsync(), Is.EqualTo((sequence - 1) * 2));
                Assert.That(sequence < 2 || await numbers.GetAsync(CrashTests.Key((int)sequence - 2, 1)) is not null);
            }
        }

        await stop.CancelAsync();
        await writing;
        if (keepsLog)
        {
            Assert.That(incremental, Is.EqualTo(Rounds - 1));
        }

        var checkpoints = Manifest.Read(new DiskStorage(folder["live"], create: false)).Generation;
        await TestContext.Out.WriteLineAsync($"{written} commits, {checkpoints} checkpoints, {incremental} incremental");
        Assert.That(checkpoints, Is.GreaterThan(3), "the writer replaced its files meanwhile");
    }

    [Test]
    public async Task ClosingEndsABackupThatNobodyReads()
    {
        var database = new VectorDatabase(new DatabaseEngine(new MemoryStorage(), History.Options()));
        await database.GetDynamicCollection("c", CrashTests.Definition).EnsureCollectionExistsAsync();
        using var stuck = new StuckStream();
        var backup = database.BackupAsync(stuck);
        await stuck.IsReached.WaitAsync(TimeSpan.FromMinutes(2));
        await database.DisposeAsync().AsTask().WaitAsync(TimeSpan.FromMinutes(2));
        Assert.That(async () => await backup, Throws.InstanceOf<ObjectDisposedException>());
    }

    // A full piece up to commit 3 and incremental ones up to 7 and 9.
    private static async Task<List<byte[]>> PiecesAsync()
    {
        List<byte[]> pieces = [];
        await History.RunAsync(8, seed: 6, checkpointsAfter: [1, 5], change: (_, options) => options.KeepLog = true, afterCommit: async (i, database) =>
        {
            if (i is 2 or 6 or 8)
            {
                using var stream = new MemoryStream();
                await database.BackupAsync(stream, i == 2 ? null : i == 6 ? 3 : 7);
                pieces.Add(stream.ToArray());
            }
        });
        return pieces;
    }

    private static async Task<long> ReadAsync(byte[] stream)
    {
        var disk = new MemoryStorage();
        await new BackupPieceReader(disk).ReadAsync(new MemoryStream(stream), "stream", CancellationToken.None);
        using var engine = new DatabaseEngine(disk, History.Options());
        return engine.Sequence;
    }

    private static Task<long> RestoreAsync(string path, List<byte[]> pieces, RestoreOptions? options) => VectorDatabase.RestoreAsync(pieces.Select(SequentialStream.Of), path, options);

    private sealed class StuckStream : MemoryStream
    {
        private readonly TaskCompletionSource _isReached = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public Task IsReached => _isReached.Task;

        public override async ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
        {
            _isReached.TrySetResult();
            await Task.Delay(Timeout.Infinite, cancellationToken);
        }
    }
}
