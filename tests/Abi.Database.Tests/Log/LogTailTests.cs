using Abi.Database.Backup;
using Abi.Database.Engine;
using Abi.Database.Log;
using Abi.Database.Tests.Storage;

namespace Abi.Database.Tests.Log;

/// <summary>A backup gone on with from two copies of one database, which have the same identity and number their segments alike: never a mixture of both.</summary>
public sealed class LogTailTests
{
    // What is restored: pieces of the database (o: full, a: commit 3, b: commit 4, c: full after a checkpoint) and of its copy (x: another commit 3; y: the same commit 3 and another 4; z: commit 5, behind 3 and 4 in segments of their own).
    [TestCase("oab", 4)]
    [TestCase("oay", 4, Description = "the last segment, longer")]
    [TestCase("oya", 4, Description = "the last segment, shorter")]
    [TestCase("ca", 3, Description = "what the files have already")]
    [TestCase("oax", null, Description = "other commits in the last segment")]
    [TestCase("oxa", null, Description = "the same the other way round")]
    [TestCase("oaby", null, Description = "a longer segment that others follow")]
    [TestCase("oyb", null, Description = "the next segment begins with a commit that is there")]
    [TestCase("cy", null, Description = "more commits in a segment before the files")]
    [TestCase("oyz", null, Description = "a number is left out")]
    public async Task TwoHistoriesAreNotMixed(string pieces, int? sequence)
    {
        var made = await PiecesAsync();
        var disk = new MemoryStorage();
        async Task RestoreAsync() => await new BackupPieceReader(disk).ReadAsync(new MemoryStream([.. pieces.SelectMany(piece => made[piece])]), "stream", CancellationToken.None);
        if (sequence is null)
        {
            Assert.That(RestoreAsync, Throws.TypeOf<DatabaseException>().With.Message.Contains("does not go on from what there is"));
            return;
        }

        await RestoreAsync();
        using var restored = new DatabaseEngine(disk, Options());
        Assert.That(restored.Sequence, Is.EqualTo(sequence));
    }

    /// <summary>The power goes off while a chain gets several segments, or what a backup has left that failed: those that reach the disk follow one another, and are there before the end is said to be.</summary>
    [TestCase(false)]
    [TestCase(true)]
    public async Task APowerCutLeavesNoGap(bool isSecondAttempt)
    {
        const int Segments = 4;
        var root = new MemoryStorage();
        using var database = new VectorDatabase(new DatabaseEngine(new MemoryStorage(), Options()));
        await database.GetDynamicCollection("c", CrashTests.Definition).EnsureCollectionExistsAsync();
        database.Engine.Backup(root, new BackupOptions());
        var begun = root.Journal.Count;
        for (var number = 1; number <= Segments; number++)
        {
            await PutAsync(database, number);
            await BackupAsync(database, null); // ends a segment
        }

        if (isSecondAttempt)
        {
            var flushes = 0;
            root.Fails = (_, what) => what == "flush folder" && ++flushes == Segments;
            Assert.That(() => database.Engine.Backup(root, new BackupOptions()), Throws.TypeOf<IOException>());
            root.Fails = null;
        }

        Assert.That(database.Engine.Backup(root, new BackupOptions()), Has.Property(nameof(BackupReport.IsIncremental)).True.And.Property(nameof(BackupReport.CopiedFiles)).EqualTo(isSecondAttempt ? 0 : Segments));
        for (var step = begun; step <= root.Journal.Count; step++)
        {
            for (var round = 0; round < 16; round++)
            {
                var chain = root.CutAfter(step, new Random((step * 100) + round)).NewestChain;
                Assert.That(Verification.Run(chain).Problems, Is.Empty, $"cut behind step {step}, round {round}: {string.Join(' ', LogSegment.NumbersIn(chain))}");
            }
        }
    }

    private static async Task<Dictionary<char, byte[]>> PiecesAsync()
    {
        Dictionary<char, byte[]> pieces = [];
        var disk = new MemoryStorage();
        using var original = new VectorDatabase(new DatabaseEngine(disk, Options()));
        await original.GetDynamicCollection("c", CrashTests.Definition).EnsureCollectionExistsAsync();
        await PutAsync(original, 2);
        pieces['o'] = await BackupAsync(original, null);
        using (var copy = Copy(disk))
        {
            await PutAsync(copy, 30);
            pieces['x'] = await BackupAsync(copy, 2);
        }

        await PutAsync(original, 3);
        using (var copy = Copy(disk))
        {
            await PutAsync(copy, 40);
            pieces['y'] = await BackupAsync(copy, 2);
        }

        using (var copy = Copy(disk))
        {
            await BackupAsync(copy, 2);
            await PutAsync(copy, 4);
            await BackupAsync(copy, 3);
            await PutAsync(copy, 5);
            pieces['z'] = await BackupAsync(copy, 4);
        }

        pieces['a'] = await BackupAsync(original, 2);
        using (var copy = Copy(disk))
        {
            await copy.CheckpointAsync();
            pieces['c'] = await BackupAsync(copy, null);
        }

        await PutAsync(original, 4);
        pieces['b'] = await BackupAsync(original, 3);
        return pieces;
    }

    private static VectorDatabase Copy(MemoryStorage disk) => new(new DatabaseEngine(MemoryStorage.Of(disk.Files()), Options()));

    // The clock stands still, so that the same commits have the same bytes.
    private static DatabaseOptions Options()
    {
        var options = History.Options();
        (options.KeepLog, options.Clock) = (true, new StepClock());
        return options;
    }

    private static Task PutAsync(VectorDatabase database, int number) => database.GetDynamicCollection("c").UpsertAsync(CrashTests.Record(number, 0));

    private static async Task<byte[]> BackupAsync(VectorDatabase database, long? after)
    {
        using var stream = new MemoryStream();
        await database.BackupAsync(stream, after);
        return stream.ToArray();
    }
}
