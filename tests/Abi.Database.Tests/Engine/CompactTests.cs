using System.Runtime.CompilerServices;
using Abi.Database.Engine;
using Abi.Database.Log;
using Abi.Database.Tests.Storage;

namespace Abi.Database.Tests.Engine;

/// <summary>Compaction beside writers: every file is written once, and nothing that is committed meanwhile is lost.</summary>
public sealed class CompactTests
{
    /// <summary>A commit asks whether a checkpoint is due while one is replacing the files.</summary>
    [Test]
    public async Task CommitsGoOnWhileCheckpointsReplaceTheFiles()
    {
        using var folder = new TemporaryFolder();
        await using var database = await VectorDatabase.OpenAsync(new DatabaseOptions { Path = folder["db"], Durability = Durability.Os, LogSegmentBytes = 1 << 16, CheckpointBytes = 1 << 10 });
        var collection = database.GetDynamicCollection("c", new CollectionDefinition { Key = KeyKind.Integer, Data = [new DataField("n", DataKind.Integer)] });
        await collection.EnsureCollectionExistsAsync();
        for (var i = 0; i < 10_000; i++)
        {
            await collection.UpsertAsync(new Dictionary<string, object?> { ["Key"] = (long)(i % 10), ["n"] = (long)i });
        }

        Assert.That(await collection.CountAsync(), Is.EqualTo(10));
    }

    /// <summary>The log that is read again for what was committed meanwhile has the commits of all collections.</summary>
    [Test]
    public async Task CommitsMeanwhileStayInTheirCollections()
    {
        var disk = new MemoryStorage();
        using var database = new VectorDatabase(new DatabaseEngine(disk, History.Options()));
        var definition = new CollectionDefinition { Data = [new DataField("n", DataKind.Integer)] };
        var (first, second) = (database.GetDynamicCollection("first", definition), database.GetDynamicCollection("second", definition));
        await first.EnsureCollectionExistsAsync();
        await second.EnsureCollectionExistsAsync();
        await WriteAsync("before");
        var isWritten = false;
        disk.Reading = (name, _) =>
        {
            if (!isWritten && name.StartsWith("rows-", StringComparison.Ordinal))
            {
                isWritten = true;
                WriteAsync("meanwhile").GetAwaiter().GetResult();
            }
        };
        await database.CompactAsync();
        Assert.That(isWritten);
        Assert.That(await KeysAsync(first), Is.EquivalentTo(new[] { "before 1", "meanwhile 1" }));
        Assert.That(await KeysAsync(second), Is.EquivalentTo(new[] { "before 2", "meanwhile 2" }));

        async Task WriteAsync(string when)
        {
            await first.UpsertAsync(new Dictionary<string, object?> { ["Key"] = $"{when} 1", ["n"] = 1L });
            await second.UpsertAsync(new Dictionary<string, object?> { ["Key"] = $"{when} 2", ["n"] = 2L });
        }

        static ValueTask<List<string>> KeysAsync(VectorCollection<object, Dictionary<string, object?>> collection) => collection.ListAsync().Select(record => (string)record["Key"]!).ToListAsync();
    }

    /// <summary>Each attempt to catch up reads on where the last one ended, so that writes wait for what came since and not for all that came.</summary>
    [Test]
    public async Task WhatCameMeanwhileIsReadOnce()
    {
        var disk = new MemoryStorage();
        using var database = new VectorDatabase(new DatabaseEngine(disk, History.Options()));
        var collection = database.GetDynamicCollection("c", CrashTests.Definition);
        await collection.EnsureCollectionExistsAsync();
        await collection.UpsertAsync(CrashTests.Record(0, 0));
        var (written, attempts) = (0, 0);
        Dictionary<long, int> reads = [];
        disk.Reading = (name, _) =>
        {
            if (written == 0 && name.StartsWith("rows-", StringComparison.Ordinal))
            {
                Write(60);
            }

            if (LogFormat.Number(name) is >= 0 and var number)
            {
                reads[number] = reads.GetValueOrDefault(number) + 1;
                if (number == LogSegment.NumbersIn(disk)[^1] && attempts < 3) // the fourth holds commits up
                {
                    attempts++;
                    Write(1);
                }
            }
        };
        await database.CompactAsync();
        Assert.That(attempts, Is.EqualTo(3));
        Assert.That(await collection.CountAsync(), Is.EqualTo(1 + written));
        Assert.That(reads, Has.Count.GreaterThan(2));
        Assert.That(reads[reads.Keys.Min()], Is.EqualTo(1));

        void Write(int count)
        {
            for (; count > 0; count--)
            {
                collection.UpsertAsync(CrashTests.Record(++written, 0)).GetAwaiter().GetResult();
            }
        }
    }

    [Test]
    public async Task WritesAGraphOnDiskOnceAndKeepsWhatIsCommittedMeanwhile()
    {
        const int Rows = 10_000; // enough for a graph on disk
        var disk = new MemoryStorage();
        var options = new DatabaseOptions { Path = disk.Folder, Durability = Durability.Os };
        int last;
        using (var database = new VectorDatabase(new DatabaseEngine(disk, options)))
        {
            var points = database.GetDynamicCollection("points", new CollectionDefinition
            {
                Key = KeyKind.Integer,
                Data = [new DataField("text", DataKind.Text) { IsFullTextIndexed = true }],
                Vectors = [new VectorField("v", 4) { IndexKind = IndexKind.DiskAnn, ConstructionEffort = 32 }],
            });
            await points.EnsureCollectionExistsAsync();
            await points.UpsertAsync(Enumerable.Range(0, Rows).Select(Point));
            await points.DeleteAsync(Enumerable.Range(0, 20).Select(row => (object)(long)row));
            await points.UpsertAsync(Enumerable.Range(Rows, 20).Select(Point));
            var begun = disk.Journal.Count;
            var next = Rows + 20;
            using var stop = new CancellationTokenSource();
            var writer = Task.Run(async () =>
            {
                // Each commit makes a record, rewrites one and deletes one; never the last of the first ones.
                for (; !stop.IsCancellationRequested && next < Rows + (Rows / 2); Volatile.Write(ref next, next + 1))
                {
                    await points.UpsertAsync([Point(next), Point(next - Rows + 100)]);
                    await points.DeleteAsync((long)(next - Rows));
                    await Task.Delay(1);
                }
            });
            while (Volatile.Read(ref next) == Rows + 20)
            {
                await Task.Delay(1);
            }

            var (before, compacting) = (Volatile.Read(ref next), database.CompactAsync());
            await compacting;
            Assert.That(Volatile.Read(ref next), Is.GreaterThan(before), "commits go on meanwhile");
            await stop.CancelAsync();
            await writer;
            foreach (var kind in (string[])["graph-", "rows-"])
            {
                Assert.That(disk.Journal.Skip(begun).Count(step => step.Kind == MemoryStorage.StepKind.Rename && step.NewName!.StartsWith(kind, StringComparison.Ordinal)), Is.EqualTo(1), kind);
            }

            Assert.That(points.GetStatistics().Vectors[0].IndexKind, Is.EqualTo(IndexKind.DiskAnn));
            await CheckAsync(points, last = next);
        }

        using var again = new VectorDatabase(new DatabaseEngine(disk, options));
        await CheckAsync(again.GetDynamicCollection("points"), last);

        async Task CheckAsync(VectorCollection<object, Dictionary<string, object?>> points, int end)
        {
            HashSet<long> keys = [];
            await foreach (var record in points.ListAsync())
            {
                keys.Add((long)record["Key"]!);
            }

            // The commit of number n deletes n − Rows, and rewrites what lies a hundred behind that, which later commits delete again.
            Assert.That(keys, Is.EquivalentTo(Enumerable.Range(0, end).Where(row => row >= 20 && row >= end - Rows).Select(row => (long)row)));
            foreach (var row in (int[])[end - 1, end - Rows, Rows - 1, Rows + 5])
            {
                Assert.That(points.SearchKeys(Vector(row), 1, new VectorSearchOptions { IsExact = true })[0].Key, Is.EqualTo((long)row));
                Assert.That(await points.SearchTextAsync($"n{row}", 5).Select(found => found.Record["Key"]).ToListAsync(), Is.EqualTo((object[])[(long)row]));
            }
        }

        static float[] Vector(int row) => [MathF.Sin(row), MathF.Cos(row * 1.7f), MathF.Sin(row * 0.37f), 0.1f];

        static Dictionary<string, object?> Point(int row) => new(StringComparer.Ordinal) { ["Key"] = (long)row, ["text"] = $"number n{row}", ["v"] = Vector(row) };
    }

    [Test]
    public void ADatabaseThatIsOpenReadOnlyIsNotCompacted()
    {
        var (disk, options) = (new MemoryStorage(), History.Options());
        new DatabaseEngine(disk, options).Dispose();
        options.Access = DatabaseAccess.ReadOnly;
        using var reader = new VectorDatabase(new DatabaseEngine(disk, options));
        Assert.That(() => reader.CompactAsync(), Throws.TypeOf<DatabaseException>().With.Message.Contains("read-only"));
    }

    /// <summary>Memory that is not managed does not make the collector look for it: compacting does, and so does the sweep, again and again, since the collector may not have heard it.</summary>
    [TestCase(false)]
    [TestCase(true)]
    public async Task WhatWasReplacedIsLetGoOf(bool isDropped)
    {
        var (clock, options) = (new ManualClock(), History.Options());
        options.Clock = clock;
        using var database = new VectorDatabase(new DatabaseEngine(new MemoryStorage(), options));
        var collection = database.GetDynamicCollection("c", CrashTests.Definition);
        await collection.EnsureCollectionExistsAsync();
        await collection.UpsertAsync(CrashTests.Record(1, 0));
        var store = StoreOf(database);
        await (isDropped ? collection.EnsureCollectionDeletedAsync() : database.CompactAsync());
        for (var minute = 0; minute < 9 && store.IsAlive; minute++)
        {
            clock.Advance(TimeSpan.FromMinutes(1));
            SpinWait.SpinUntil(() => !store.IsAlive, TimeSpan.FromSeconds(2));
        }

        Assert.That(store.IsAlive, Is.False);
    }

    /// <summary>Nobody writes to a database that is open read-only: there refreshing asks.</summary>
    [TestCase(false)]
    [TestCase(true)]
    public async Task WhatARefreshReplacedIsLetGoOf(bool isDropped)
    {
        using var folder = new TemporaryFolder();
        await using var database = await VectorDatabase.OpenAsync(new DatabaseOptions { Path = folder["db"], LogSegmentBytes = 1 << 16 }); // reading large ones makes the collector look
        var collection = database.GetDynamicCollection("c", CrashTests.Definition);
        await collection.EnsureCollectionExistsAsync();
        await collection.UpsertAsync(CrashTests.Record(1, 0));
        await using var reader = await VectorDatabase.OpenAsync(new DatabaseOptions { Path = folder["db"], Access = DatabaseAccess.ReadOnly });
        var store = StoreOf(reader);
        await (isDropped ? collection.EnsureCollectionDeletedAsync() : database.CheckpointAsync());
        for (var refresh = 0; refresh < 9 && store.IsAlive; refresh++)
        {
            await reader.RefreshAsync();
            SpinWait.SpinUntil(() => !store.IsAlive, TimeSpan.FromSeconds(2));
        }

        Assert.That(store.IsAlive, Is.False);
    }

    // Apart: code that is not optimised keeps what it has used until it returns.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static WeakReference StoreOf(VectorDatabase database) => new(database.Engine.Find("c")!.Store);
}
