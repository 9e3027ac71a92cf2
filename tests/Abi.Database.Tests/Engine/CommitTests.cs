using System.Buffers;
using System.Runtime.CompilerServices;
using Abi.Database.Encryption;
using Abi.Database.Engine;
using Abi.Database.Log;
using Abi.Database.Storage;
using Abi.Database.Tests.Storage;

namespace Abi.Database.Tests.Engine;

/// <summary>Who makes a commit.</summary>
public sealed class CommitTests
{
    /// <summary>Beside searches a thread makes them that gives way; otherwise, and with the option off, whoever writes.</summary>
    [Test]
    public async Task BesideSearchesWritersDoNotCommit([Values] bool isSearched, [Values] bool prioritize)
    {
        var disk = new MemoryStorage();
        var options = History.Options();
        options.PrioritizeSearches = prioritize;
        var engine = new DatabaseEngine(disk, options);
        await using var database = new VectorDatabase(engine);
        var collection = database.GetDynamicCollection("c", new CollectionDefinition { Data = [new DataField("n", DataKind.Integer)] });
        await collection.EnsureCollectionExistsAsync();
        List<string?> writers = [];
        disk.Fails = (_, what) =>
        {
            if (what == "write")
            {
                writers.Add(Thread.CurrentThread.Name);
            }

            return false;
        };
        var own = new Thread(() =>
        {
            if (isSearched)
            {
                engine.NoteSearch();
            }

            collection.UpsertAsync(new Dictionary<string, object?>(StringComparer.Ordinal) { ["Key"] = "a", ["n"] = 1L }).GetAwaiter().GetResult();
        })
        { Name = "writer" };
        own.Start();
        own.Join();
        Assert.That(writers, Is.Not.Empty.And.All.EqualTo(isSearched && prioritize ? "Abi.Database commits" : "writer"));
    }

    /// <summary>The memory that a large commit needs on its way into the log is given back.</summary>
    [Test]
    public async Task ALargeCommitLeavesNoMemoryTaken()
    {
        const int Bytes = 32 << 20;
        using var folder = new TemporaryFolder();
        await using var database = await VectorDatabase.OpenAsync(new DatabaseOptions { Path = folder["db"], Durability = Durability.Os });
        var collection = database.GetDynamicCollection("c", new CollectionDefinition { Data = [new DataField("text", DataKind.Text)] });
        await collection.EnsureCollectionExistsAsync();
        var before = GC.GetTotalMemory(forceFullCollection: true);
        await WriteAsync();
        Assert.That(GC.GetTotalMemory(forceFullCollection: true) - before, Is.LessThan(Bytes / 2)); // the record is in memory that is not managed

        [MethodImpl(MethodImplOptions.NoInlining)]
        Task WriteAsync() => collection.UpsertAsync(new Dictionary<string, object?>(StringComparer.Ordinal) { ["Key"] = "a", ["text"] = new string('x', Bytes) });
    }

    /// <summary>A commit copies no list of the collections, which may be many.</summary>
    [Test]
    public async Task CollectionsBesideTakeNoMemory()
    {
        const int Collections = 2000, Commits = 100;
        using var database = new VectorDatabase(new DatabaseEngine(new MemoryStorage(), History.Options(Durability.Os)));
        var definition = new CollectionDefinition { Data = [new DataField("n", DataKind.Integer)] };
        var alone = await MeasureAsync(0);
        for (var i = 1; i < Collections; i++)
        {
            await database.GetDynamicCollection($"{i}", definition).EnsureCollectionExistsAsync();
        }

        Assert.That(await MeasureAsync(Collections) - alone, Is.LessThan(Collections), "bytes a commit");

        async Task<long> MeasureAsync(int name)
        {
            var collection = database.GetDynamicCollection($"{name}", definition);
            await collection.EnsureCollectionExistsAsync();
            for (var i = 0; i < Commits; i++)
            {
                await collection.UpsertAsync(new Dictionary<string, object?>(StringComparer.Ordinal) { ["Key"] = $"{i}", ["n"] = 1L });
            }

            var before = GC.GetAllocatedBytesForCurrentThread();
            for (var i = 0; i < Commits; i++)
            {
                collection.UpsertAsync(new Dictionary<string, object?>(StringComparer.Ordinal) { ["Key"] = $"{i}", ["n"] = 1L }).GetAwaiter().GetResult();
            }

            return (GC.GetAllocatedBytesForCurrentThread() - before) / Commits;
        }
    }

    /// <summary>Large commits that wait for the log together do not become one large write, for which the log could have no segment.</summary>
    [Test]
    public async Task LargeCommitsGoInSeveralGroups()
    {
        const int Writers = 4;
        const int RecordBytes = 6 << 20;
        const int LargestWrite = 17 << 20; // a group, the header of a segment and those of frames
        var disk = new MemoryStorage();
        await using var database = new VectorDatabase(new DatabaseEngine(disk, new DatabaseOptions { Durability = Durability.Os, LogSegmentBytes = 1 << 16, CheckpointBytes = long.MaxValue }));
        var collection = database.GetDynamicCollection("c", new CollectionDefinition { Data = [new DataField("text", DataKind.Text)] });
        await collection.EnsureCollectionExistsAsync();
        using var begun = new ManualResetEventSlim();
        using var end = new ManualResetEventSlim();
        disk.Fails = (_, what) =>
        {
            begun.Set();
            end.Wait();
            return false;
        };
        var first = Task.Factory.StartNew(() => collection.UpsertAsync(Record("first", 1)), CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default).Unwrap();
        begun.Wait();
        Task[] others = [.. Enumerable.Range(0, Writers).Select(i => collection.UpsertAsync(Record($"{i}", RecordBytes)))];
        end.Set();
        await Task.WhenAll([first, .. others]);
        Assert.That(await collection.CountAsync(), Is.EqualTo(Writers + 1));
        var segments = disk.List().Where(name => LogFormat.Number(name) >= 0).Select(name =>
        {
            using var file = disk.OpenRead(name);
            return file.Length;
        }).ToList();
        Assert.That(segments, Has.Some.GreaterThan((long)RecordBytes).And.All.LessThan((long)LargestWrite));
    }

    /// <summary>What no segment of the log can hold is refused before it gets there, since the log takes nothing more once it has failed.</summary>
    [Test]
    public async Task ACommitThatIsTooLargeIsRefusedAndOthersGoOn([Values] bool isEncrypted)
    {
        using var key = isEncrypted ? EncryptionKey.FromBytes(new byte[32]) : null;
        var disk = new MemoryStorage();
        using var database = new VectorDatabase(new DatabaseEngine(disk, History.Options(Durability.Os, key: key)));
        var collection = database.GetDynamicCollection("c", new CollectionDefinition { Data = [new DataField("text", DataKind.Text)] });
        await collection.EnsureCollectionExistsAsync();
        disk.Fails = (_, _) => true; // nothing is to come of it
        foreach (var bytes in new[] { LogFormat.LargestPayload + 1, Array.MaxLength })
        {
            using var huge = new LengthOnly(bytes);
            Assert.That(() => database.Engine.CommitAsync(huge.Memory), Throws.TypeOf<DatabaseException>().With.Message.Contains("batches"));
        }

        Assert.That(() => new ByteWriter().Take(int.MaxValue), Throws.TypeOf<DatabaseException>().With.Message.Contains("batches"));
        disk.Fails = null;
        await collection.UpsertAsync(Record("a", 1));
        Assert.That(database.WriteFailure, Is.Null);
    }

    /// <summary>
    /// A commit that finds no memory on its way into the log fails alone: nothing of its group is written at first, the others are tried again one by one, and no place of the log is sealed twice with one key.
    /// </summary>
    [Test]
    public async Task ACommitThatFindsNoMemoryIsNotWrittenAndOthersOfItsGroupAre([Values] bool isEncrypted)
    {
        using var key = isEncrypted ? EncryptionKey.FromBytes(new byte[32]) : null;
        var disk = new MemoryStorage();
        using (var database = new VectorDatabase(new DatabaseEngine(disk, History.Options(key: key))))
        {
            var collection = database.GetDynamicCollection("c", new CollectionDefinition { Data = [new DataField("text", DataKind.Text)] });
            await collection.EnsureCollectionExistsAsync();
            using var begun = new ManualResetEventSlim();
            using var end = new ManualResetEventSlim();
            disk.Fails = (_, _) =>
            {
                begun.Set();
                end.Wait();
                return false;
            };
            var first = Task.Factory.StartNew(() => collection.UpsertAsync(Record("first", 1)), CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default).Unwrap();
            begun.Wait();
            using var none = new LengthOnly(100);
            Task[] group = [collection.UpsertAsync(Record("second", 1)), database.Engine.CommitAsync(none.Memory), collection.UpsertAsync(Record("third", 1))];
            end.Set();
            await first;
            Assert.That(async () => await group[1], Throws.InvalidOperationException.With.Message.EqualTo("looked at"));
            await group[0];
            await group[2];
            await collection.UpsertAsync(Record("fourth", 1));
            Assert.That(database.WriteFailure, Is.Null);
        }

        using var again = new VectorDatabase(new DatabaseEngine(MemoryStorage.Of(disk.Files()), History.Options(key: key)));
        var there = again.GetDynamicCollection("c");
        string[] all = ["first", "second", "third", "fourth"];
        Assert.That(await there.GetAsync(all).Select(record => record["Key"]).ToListAsync(), Is.EqualTo(all));
    }

    /// <summary>The largest commit fills a file exactly as long as an array can be.</summary>
    [Test]
    public void TheLargestCommitFitsASegment()
    {
        var stored = LogFormat.LargestPayload + LogCipher.OverheadBytes;
        Assert.That(LogFormat.HeaderBytes + (long)LogFormat.FrameBytes(stored), Is.InRange(Array.MaxLength - 16, Array.MaxLength));
    }

    private static Dictionary<string, object?> Record(string key, int bytes) => new(StringComparer.Ordinal) { ["Key"] = key, ["text"] = new string('x', bytes) };

    /// <summary>Bytes that nobody may look at, as many as no test has.</summary>
    private sealed class LengthOnly(int length) : MemoryManager<byte>
    {
        public override Memory<byte> Memory => CreateMemory(length);

        public override Span<byte> GetSpan() => throw new InvalidOperationException("looked at");

        public override MemoryHandle Pin(int elementIndex = 0) => throw new InvalidOperationException("looked at");

        public override void Unpin()
        {
        }

        protected override void Dispose(bool disposing)
        {
        }
    }
}
