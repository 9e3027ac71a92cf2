using System.Globalization;
using Abi.Database.Encryption;
using Abi.Database.Engine;
using Abi.Database.Indexes;
using Abi.Database.Tests.Storage;

namespace Abi.Database.Tests.Indexes;

/// <summary>The graph on disk on real word vectors: recall, filters, what is in memory beside it, deletions, merging, reopening, damage, power cuts.</summary>
[Parallelizable(ParallelScope.All)]
public sealed class DiskGraphTests : WordsFixture, IDisposable
{
    private const int Fewer = VectorIndex.AutomaticGraph; // enough for a graph on disk

    private const int Fewest = 100; // queries, where every exact one decrypts all pages

    private const int PointDimensions = 8;

    private const long Budget = 64 * PageFrame.Bytes; // of decrypted bytes: far less than any of these collections has

    private TemporaryFolder? _template;

    private static VectorField PointField => new("v", PointDimensions) { IndexKind = IndexKind.DiskAnn, ConstructionEffort = 32 };

    private static VectorField Field => new("v", 100) { IndexKind = IndexKind.DiskAnn, ConstructionEffort = 64 };

    private HashSet<object>[] _nearest = []; // of the template

    [OneTimeSetUp]
    public async Task BuildTheTemplate()
    {
        _template = new TemporaryFolder();
        await using var database = await VectorDatabase.OpenAsync(_template["words"]);
        var words = await FillAsync(database, Field, Fewer, isLinked: false);
        await database.CheckpointAsync();
        _nearest = Exact(words, new VectorSearchOptions());
    }

    public void Dispose() => _template?.Dispose();

    [TestCase(DistanceFunction.CosineSimilarity, 0.97)]
    [TestCase(DistanceFunction.EuclideanSquaredDistance, 0.97)]
    [TestCase(DistanceFunction.DotProductSimilarity, 0.97)]
    public async Task FindsTheNearestAndOpensAgain(DistanceFunction function, double least)
    {
        var isTemplate = function == Field.DistanceFunction;
        using var folder = isTemplate ? CopyOfTheTemplate() : new TemporaryFolder();
        double before;
        HashSet<object>[] nearest;
        await using (var database = await VectorDatabase.OpenAsync(folder["words"]))
        {
            if (!isTemplate)
            {
                var filled = await FillAsync(database, Field with { DistanceFunction = function }, Fewer, isLinked: false);
                Assert.That(filled.GetStatistics().Vectors[0].IndexKind, Is.EqualTo(IndexKind.Hnsw), "until the first checkpoint");
                await database.CheckpointAsync();
            }

            var words = database.GetDynamicCollection("words");
            var statistics = words.GetStatistics().Vectors[0];
            Assert.That(statistics with { ResidentBytes = 0 }, Is.EqualTo(new VectorStatistics("v", IndexKind.DiskAnn, Fewer, 0)));
            nearest = Exact(words, new VectorSearchOptions());
            before = Recall(words, new VectorSearchOptions(), nearest);
            var wide = Recall(words, new VectorSearchOptions { Effort = 400 }, nearest);
            TestContext.Out.WriteLine($"{function}: {before:f4}, at 400 {wide:f4}");
            Assert.That(before, Is.GreaterThanOrEqualTo(least));
            Assert.That(wide, Is.GreaterThanOrEqualTo(before));
        }

        await using var again = await VectorDatabase.OpenAsync(folder["words"]);
        Assert.That(again.Recovery.Warnings, Is.Empty);
        Assert.That(again.GetDynamicCollection("words").GetStatistics().Vectors[0] with { ResidentBytes = 0 }, Is.EqualTo(new VectorStatistics("v", IndexKind.DiskAnn, Fewer, 0)));
        Assert.That(Recall(again.GetDynamicCollection("words"), new VectorSearchOptions(), nearest), Is.EqualTo(before));
    }

    [Test]
    public async Task OnlyCodesStayInMemory()
    {
        using var folder = new TemporaryFolder();
        await using var database = await VectorDatabase.OpenAsync(folder["words"]);
        var points = await FillPointsAsync(database, PointField, 16_384);
        var before = points.GetStatistics().Vectors[0].ResidentBytes;
        await database.CheckpointAsync();
        var after = points.GetStatistics().Vectors[0].ResidentBytes;
        Assert.That(before, Is.GreaterThan(16_384 * PointDimensions * sizeof(float)));
        Assert.That(after, Is.EqualTo(16_384 * PointDimensions / 4), "a byte for every four elements; floats and links are in the file");
    }

    [Test]
    public async Task ARecallThatIsAskedForIsReached()
    {
        using var folder = CopyOfTheTemplate();
        await using var database = await VectorDatabase.OpenAsync(folder["words"]);
        var words = database.GetDynamicCollection("words");
        Assert.That(Recall(words, new VectorSearchOptions { Recall = 0.99 }, _nearest), Is.GreaterThanOrEqualTo(0.98));
    }

    /// <summary>Of the links to copies of a vector, pruning keeps one; all of them are found all the same.</summary>
    [TestCase(1000)]
    [TestCase(9000)]
    public async Task CopiesOfAVectorAreFound(int copies)
    {
        const int First = 500;
        using var folder = new TemporaryFolder();
        await using var database = await VectorDatabase.OpenAsync(folder["words"]);
        var words = await FillAsync(database, Field, Fewer - copies, isLinked: false);
        await words.UpsertAsync(Enumerable.Range(Fewer - copies, copies).Select(row => new Dictionary<string, object?>(Record(First), StringComparer.Ordinal) { ["Key"] = (long)row }));
        await database.CheckpointAsync();
        Assert.That(words.GetStatistics().Vectors[0].IndexKind, Is.EqualTo(IndexKind.DiskAnn));
        var found = words.SearchKeys(Base.AsSpan(First * 100, 100), 60);
        Assert.That(found.Count(match => (long)match.Key is First || (long)match.Key >= Fewer - copies), Is.EqualTo(60));
        Assert.That(Enumerable.Range(0, First).Count(row => words.SearchKeys(Base.AsSpan(row * 100, 100), 1)[0].Key.Equals((long)row)), Is.GreaterThanOrEqualTo(First * 0.98));
    }

    [Test]
    public async Task FiltersGiveAllThatIsAskedFor()
    {
        using var folder = CopyOfTheTemplate();
        await using var database = await VectorDatabase.OpenAsync(folder["words"]);
        var words = database.GetDynamicCollection("words");
        foreach (var (filter, matches) in new[] { (Filter.Equal("mod", 7), 10), (Filter.LessThan("mod", 30), 300), (Filter.LessThan("mod", 500), 5000) })
        {
            Assert.That(Recall(words, new VectorSearchOptions { Filter = filter }), Is.GreaterThanOrEqualTo(0.95), filter.ToString());
            Assert.That(words.SearchKeys(QueryVectors.AsSpan(0, 100), 50, new VectorSearchOptions { Filter = filter }), Has.Count.EqualTo(Math.Min(50, matches)));
        }
    }

    [Order(1)] // takes longest: not last, alone
    [TestCase(1)]
    [TestCase(4, Explicit = true, Reason = "A minute: the same again and again, every other time without a checkpoint between deleting and adding.")]
    public async Task WhatIsNewIsFoundAndWhatIsDeletedIsNotBeforeAndAfterMerges(int rounds)
    {
        using var folder = new TemporaryFolder();
        await using var database = await VectorDatabase.OpenAsync(folder["words"]);
        var words = await FillAsync(database, Field, isLinked: false);
        await database.CheckpointAsync();
        var nearest = Exact(words, new VectorSearchOptions());
        var first = Recall(words, new VectorSearchOptions(), nearest);
        for (var round = 0; round < rounds; round++)
        {
            var some = Enumerable.Range(0, Rows).Where(row => row % 2 == round % 2).ToList();
            await words.DeleteAsync(some.Select(row => (object)(long)row));
            Assert.That(words.SearchKeys(Base.AsSpan(some[0] * 100, 100), 1)[0].Key, Is.Not.EqualTo((long)some[0]));
            Assert.That(await words.CountAsync(), Is.EqualTo(Rows / 2));
            if (round % 2 == 0)
            {
                await database.CheckpointAsync();
                Assert.That(words.GetStatistics().Vectors[0].Linked, Is.EqualTo(Rows / 2));
                Assert.That(Recall(words, new VectorSearchOptions()), Is.GreaterThanOrEqualTo(first - 0.01), $"half deleted, round {round}");
            }

            await words.UpsertAsync(some.Select(Record));
            Assert.That(words.SearchKeys(Base.AsSpan(some[0] * 100, 100), 1)[0].Key, Is.EqualTo((long)some[0]));
            await database.WaitForIndexAsync();
            Assert.That(Recall(words, new VectorSearchOptions(), nearest), Is.GreaterThanOrEqualTo(first - 0.01), $"in two parts, round {round}");
            await database.CheckpointAsync();
            Assert.That(words.GetStatistics().Vectors[0] with { ResidentBytes = 0 }, Is.EqualTo(new VectorStatistics("v", IndexKind.DiskAnn, Rows, 0)));
            Assert.That(Recall(words, new VectorSearchOptions(), nearest), Is.GreaterThanOrEqualTo(first - 0.01), $"merged, round {round}");
        }
    }

    [Test]
    public async Task WritesAndReadsGoOnWhileCheckpointsMerge()
    {
        const int Count = VectorIndex.AutomaticGraph;
        using var folder = new TemporaryFolder();
        var written = 0;
        await using (var database = await VectorDatabase.OpenAsync(new DatabaseOptions { Path = folder["words"], Durability = Durability.Os }))
        {
            var points = await FillPointsAsync(database, PointField, Count);
            var isDone = false;
            var writing = Task.Run(async () =>
            {
                for (var row = Count; !Volatile.Read(ref isDone); row++)
                {
                    await points.UpsertAsync(Point(row));
                    await points.DeleteAsync((long)(row - Count));
                    Volatile.Write(ref written, row - Count + 1);
                }
            });
            var reading = Task.Run(() =>
            {
                while (!Volatile.Read(ref isDone))
                {
                    var known = Volatile.Read(ref written);
                    var match = points.SearchKeys(PointVector(Count + Math.Max(0, known - 1)), 1)[0];
                    Assert.That(known == 0 || match.Key.Equals((long)(Count + known - 1)), $"{match.Key} instead of {Count + known - 1}");
                }
            });
            for (var round = 0; round < 3; round++)
            {
                var before = Volatile.Read(ref written);
                while (Volatile.Read(ref written) == before && !writing.IsCompleted)
                {
                    await Task.Delay(1);
                }

                await database.CheckpointAsync();
            }

            Volatile.Write(ref isDone, true);
            await writing;
            await reading;
            Check(points, written);
        }

        await using var again = await VectorDatabase.OpenAsync(folder["words"]);
        Assert.That(again.Recovery.Warnings, Is.Empty);
        Check(again.GetDynamicCollection("points"), written);

        void Check(VectorCollection<object, Dictionary<string, object?>> points, int count)
        {
            Assert.That(count, Is.GreaterThan(0));
            Assert.That(points.GetStatistics().Count, Is.EqualTo(Count));
            foreach (var row in new[] { count, count + 1, Count + count - 1 })
            {
                Assert.That(points.SearchKeys(PointVector(row), 1)[0].Key, Is.EqualTo((long)row));
            }

            Assert.That(points.SearchKeys(PointVector(count - 1), 1)[0].Key, Is.Not.EqualTo((long)(count - 1)));
        }
    }

    [Test]
    public async Task AReaderKeepsItsSnapshotThroughAMerge()
    {
        using var folder = new TemporaryFolder();
        await using var database = await VectorDatabase.OpenAsync(folder["words"]);
        var words = await FillPointsAsync(database, PointField, 10_500);
        await using var listing = words.ListAsync().GetAsyncEnumerator();
        Assert.That(await listing.MoveNextAsync(), Is.True);
        await words.DeleteAsync(Enumerable.Range(0, 500).Select(row => (object)(long)row));
        await database.CheckpointAsync();
        GC.Collect();
        GC.WaitForPendingFinalizers();
        var count = 1;
        while (await listing.MoveNextAsync())
        {
            count++;
        }

        Assert.That(count, Is.EqualTo(10_500));
        Assert.That(await words.CountAsync(), Is.EqualTo(10_000));
        Assert.That(words.GetStatistics().Vectors[0] with { ResidentBytes = 0 }, Is.EqualTo(new VectorStatistics("v", IndexKind.DiskAnn, 10_000, 0)));
    }

    /// <summary>With room for a few pages, or for all.</summary>
    [TestCase(Budget)]
    [TestCase(1L << 30)]
    public async Task EncryptedItIsMadeSearchedMergedAndOpenedAgainAndItsKeyIsChanged(long budget)
    {
        const int Count = 12_000;
        using var folder = new TemporaryFolder();
        using var key = EncryptionKey.FromBytes(new byte[32]);
        using var other = EncryptionKey.FromBytes([.. Enumerable.Repeat((byte)1, 32)]);
        DatabaseOptions Options(EncryptionKey used) => new() { Path = folder["words"], EncryptionKey = used, DecryptedBytes = budget };
        double first;
        HashSet<object>[] nearest;
        await using (var database = await VectorDatabase.OpenAsync(Options(key)))
        {
            var words = await FillAsync(database, Field, Count, isLinked: false);
            await database.CheckpointAsync();
            Check(words, Count, 0);
            first = Recall(words, new VectorSearchOptions(), Exact(words, new VectorSearchOptions(), Fewest));
            Assert.That(first, Is.GreaterThanOrEqualTo(0.97));
            var filtered = new VectorSearchOptions { Filter = Filter.LessThan("mod", 30) };
            Assert.That(Recall(words, filtered, Exact(words, filtered, Fewest)), Is.GreaterThanOrEqualTo(0.95));
            await words.DeleteAsync(Enumerable.Range(0, 3000).Select(row => (object)(long)row));
            await words.UpsertAsync(Enumerable.Range(0, 1500).Select(Record));
            Check(words, Count - 1500, 1500);
            await database.ChangeKeyAsync(other);
            await database.CheckpointAsync(); // merges from pages that the old key opened
            Check(words, Count - 1500, 1500);
            nearest = Exact(words, new VectorSearchOptions(), Fewest);
            Assert.That(Recall(words, new VectorSearchOptions(), nearest), Is.GreaterThanOrEqualTo(first - 0.01));
        }

        Assert.ThrowsAsync<DatabaseKeyException>(() => VectorDatabase.OpenAsync(Options(key)));
        await using var again = await VectorDatabase.OpenAsync(Options(other));
        Assert.That(again.Recovery.Warnings, Is.Empty);
        var opened = again.GetDynamicCollection("words");
        Check(opened, Count - 1500, 1500);
        Assert.That(Recall(opened, new VectorSearchOptions(), nearest), Is.GreaterThanOrEqualTo(first - 0.01));
        Assert.That((await again.VerifyAsync()).IsSound);
        await again.CompactAsync();
        Check(opened, Count - 1500, 1500);

        void Check(VectorCollection<object, Dictionary<string, object?>> words, int count, int deletedFrom)
        {
            var statistics = words.GetStatistics();
            Assert.That(statistics.Count, Is.EqualTo(count));
            Assert.That(statistics.Vectors[0].IndexKind, Is.EqualTo(IndexKind.DiskAnn));
            Assert.That(statistics.DecryptedBytes, Is.LessThanOrEqualTo(budget));
            foreach (var row in new[] { 0, 1499, 3000, Count - 1 })
            {
                Assert.That(words.SearchKeys(Base.AsSpan(row * 100, 100), 1)[0].Key, Is.EqualTo((long)row));
                Assert.That(((ReadOnlyMemory<float>)words.GetAsync((long)row, includeVectors: true).GetAwaiter().GetResult()!["v"]!).Span.SequenceEqual(Base.AsSpan(row * 100, 100)), $"row {row}");
            }

            if (deletedFrom > 0)
            {
                Assert.That(words.SearchKeys(Base.AsSpan(deletedFrom * 100, 100), 1)[0].Key, Is.Not.EqualTo((long)deletedFrom));
            }
        }
    }

    /// <summary>What is damaged before it is opened is made anew, as with a plain file; a page that is damaged later is named by the search that needs it.</summary>
    [Test]
    public async Task ADamagedPageOfAnEncryptedGraphIsNamedOrTheGraphIsMadeAnew()
    {
        using var folder = new TemporaryFolder();
        using var key = EncryptionKey.FromBytes(new byte[32]);
        var options = new DatabaseOptions { Path = folder["words"], EncryptionKey = key, DecryptedBytes = Budget };
        await using (var database = await VectorDatabase.OpenAsync(options))
        {
            await FillPointsAsync(database, PointField, Fewer);
            await database.CheckpointAsync();
        }

        var path = Directory.GetFiles(folder["words"], "graph-*").Single();
        void Damage()
        {
            using var file = File.Open(path, FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite | FileShare.Delete);
            for (var at = file.Length / 2; at < file.Length; at += PageFile.PageBytes)
            {
                file.Position = at;
                var found = file.ReadByte();
                file.Position = at;
                file.WriteByte((byte)(found ^ 4));
            }
        }

        await using (var reader = await VectorDatabase.OpenAsync(new DatabaseOptions { Path = folder["words"], EncryptionKey = key, DecryptedBytes = Budget, Access = DatabaseAccess.ReadOnly }))
        {
            var read = reader.GetDynamicCollection("points");
            Damage();
            Assert.That(() => FindAll(read), Throws.TypeOf<DatabaseCorruptException>().With.Message.Contains("Page").And.Message.Contains("graph-"));
            Assert.That(read.SearchKeys(PointVector(0), 1, new VectorSearchOptions { IsExact = true })[0].Key, Is.EqualTo(0L), "the rows are sound");
        }

        await using var again = await VectorDatabase.OpenAsync(options);
        Assert.That(again.Recovery.Warnings, Has.Length.EqualTo(1));
        var points = again.GetDynamicCollection("points");
        Assert.That(points.SearchKeys(PointVector(0), 1)[0].Key, Is.EqualTo(0L));
        await again.WaitForIndexAsync();
        Assert.That(points.GetStatistics().Vectors[0] with { ResidentBytes = 0 }, Is.EqualTo(new VectorStatistics("v", IndexKind.DiskAnn, Fewer, 0)));
        FindAll(points);

        static void FindAll(VectorCollection<object, Dictionary<string, object?>> points) => Assert.That(Enumerable.Range(0, Fewest).Count(row => points.SearchKeys(PointVector(row), 1)[0].Key.Equals((long)row)), Is.GreaterThanOrEqualTo(Fewest * 0.97));
    }

    [Test]
    public async Task IsBuiltAnewWhenItsFileIsDamaged()
    {
        using var folder = CopyOfTheTemplate();
        var path = Directory.GetFiles(folder["words"], "graph-*").Single();
        var bytes = await File.ReadAllBytesAsync(path);
        bytes[bytes.Length / 2] ^= 4;
        await File.WriteAllBytesAsync(path, bytes);
        await using var again = await VectorDatabase.OpenAsync(folder["words"]);
        var words = again.GetDynamicCollection("words");
        Assert.That(again.Recovery.Warnings, Has.Length.EqualTo(1));
        Assert.That(words.SearchKeys(Base.AsSpan(0, 100), 1)[0].Key, Is.EqualTo(0L));
        await again.WaitForIndexAsync();
        Assert.That(words.GetStatistics().Vectors[0] with { ResidentBytes = 0 }, Is.EqualTo(new VectorStatistics("v", IndexKind.DiskAnn, Fewer, 0)));
        Assert.That(Recall(words, new VectorSearchOptions(), _nearest), Is.GreaterThanOrEqualTo(0.97));
    }

    [Test]
    public async Task ComesByItselfWhenTheVectorsBecomeTooMany()
    {
        using var folder = new TemporaryFolder();
        var field = new VectorField("v", PointDimensions) { ConstructionEffort = 32 };
        await using var database = await VectorDatabase.OpenAsync(new DatabaseOptions { Path = folder["points"], VectorMemoryBytes = 12_000 * VectorSpace.Of(field).RowBytes });
        var points = await FillPointsAsync(database, field, 11_000);
        await database.WaitForIndexAsync();
        await database.CheckpointAsync();
        Assert.That(points.GetStatistics().Vectors[0].IndexKind, Is.EqualTo(IndexKind.Hnsw));
        await points.UpsertAsync(Enumerable.Range(11_000, 2000).Select(Point));
        await database.WaitForIndexAsync();
        Assert.That(points.GetStatistics().Vectors[0] with { ResidentBytes = 0 }, Is.EqualTo(new VectorStatistics("v", IndexKind.DiskAnn, 13_000, 0)));
        await points.DeleteAsync(Enumerable.Range(0, 9000).Select(row => (object)(long)row));
        await database.CheckpointAsync();
        Assert.That(points.GetStatistics().Vectors[0].IndexKind, Is.EqualTo(IndexKind.Flat), "few are left");
        Assert.That(Enumerable.Range(9000, 4000).All(row => points.SearchKeys(PointVector(row), 1)[0].Key.Equals((long)row)));
    }

    [TestCase(IndexKind.DiskAnn, false, 256)]
    [TestCase(IndexKind.DiskAnn, true, 16)]
    [TestCase(IndexKind.IvfPq, false, 256)]
    [TestCase(IndexKind.DiskAnn, false, 4, Explicit = true, Reason = "long")]
    [TestCase(IndexKind.IvfPq, false, 4, Explicit = true, Reason = "long")]
    public async Task APowerCutLeavesTheOldGraphOrTheNewOne(IndexKind kind, bool isEncrypted, int writesApart)
    {
        using var key = isEncrypted ? EncryptionKey.FromBytes(new byte[32]) : null;
        var disk = new MemoryStorage();
        var options = new DatabaseOptions { Path = disk.Folder, Durability = Durability.Full, EncryptionKey = key, DecryptedBytes = isEncrypted ? Budget : 0 };
        int begun;
        using (var database = new VectorDatabase(new DatabaseEngine(disk, options)))
        {
            var points = database.GetDynamicCollection("points", new CollectionDefinition { Key = KeyKind.Integer, Vectors = [new VectorField("v", 4) { IndexKind = kind, ConstructionEffort = 32 }] });
            await points.EnsureCollectionExistsAsync();
            await points.UpsertAsync(Enumerable.Range(0, 10_000).Select(Flat));
            if (kind == IndexKind.IvfPq)
            {
                await database.WaitForIndexAsync(); // nobody makes cells while a checkpoint is written
            }

            await database.CheckpointAsync();
            await points.DeleteAsync(3L);
            await points.UpsertAsync(Flat(20_000));
            begun = disk.Journal.Count;
            await database.CheckpointAsync();
        }

        for (var step = begun; step <= disk.Journal.Count; step++)
        {
            if (step < disk.Journal.Count && disk.Journal[step].Kind == MemoryStorage.StepKind.Write && step % writesApart != 0)
            {
                continue; // many pages in a row are written alike
            }

            using var database = new VectorDatabase(new DatabaseEngine(disk.CutAfter(step, new Random(step)), options));
            var points = database.GetDynamicCollection("points");
            Assert.That(database.Recovery.Warnings, Is.Empty, $"step {step}");
            Assert.That(points.GetStatistics().Vectors[0].IndexKind, Is.EqualTo(kind), $"step {step}");
            Assert.That(points.GetStatistics().Count, Is.EqualTo(10_000), $"step {step}");
            Assert.That(points.SearchKeys(Vector(20_000), 1)[0].Key, Is.EqualTo(20_000L), $"step {step}");
            Assert.That(points.SearchKeys(Vector(3), 1)[0].Key, Is.Not.EqualTo(3L), $"step {step}");
        }

        static float[] Vector(int row) => [MathF.Sin(row), MathF.Cos(row * 1.7f), MathF.Sin(row * 0.37f), 0.1f];

        static Dictionary<string, object?> Flat(int row) => new(StringComparer.Ordinal) { ["Key"] = (long)row, ["v"] = Vector(row) };
    }

    [Test]
    public void AMergeThatFailsLosesNothing()
    {
        var disk = new MemoryStorage();
        using var database = new VectorDatabase(new DatabaseEngine(disk, new DatabaseOptions { Path = disk.Folder, VectorMemoryBytes = 1000 }));
        var points = database.GetDynamicCollection("points", new CollectionDefinition { Key = KeyKind.Integer, Vectors = [new VectorField("v", 4)] });
        points.EnsureCollectionExistsAsync().GetAwaiter().GetResult();
        var renames = 0;
        disk.Fails = (_, what) => what == "rename" && ++renames == 2; // the first gives the log its next segment
        points.UpsertAsync(Enumerable.Range(0, 10_000).Select(row => new Dictionary<string, object?>(StringComparer.Ordinal) { ["Key"] = (long)row, ["v"] = new[] { MathF.Sin(row), MathF.Cos(row), 1, row % 7 } })).GetAwaiter().GetResult();
        database.WaitForIndexAsync().GetAwaiter().GetResult(); // comes back although it cannot be done
        Assert.That(points.GetStatistics().Vectors[0].IndexKind, Is.EqualTo(IndexKind.Hnsw));
        Assert.That(renames, Is.EqualTo(2));
        database.CheckpointAsync().GetAwaiter().GetResult();
        Assert.That(points.GetStatistics().Vectors[0] with { ResidentBytes = 0 }, Is.EqualTo(new VectorStatistics("v", IndexKind.DiskAnn, 10_000, 0)));
    }

    [Test]
    public void IsForFloatsWithoutOtherCodes() => Assert.ThrowsAsync<ArgumentException>(async () =>
    {
        using var folder = new TemporaryFolder();
        await using var database = await VectorDatabase.OpenAsync(folder["words"]);
        await database.GetDynamicCollection("words", new CollectionDefinition { Vectors = [new VectorField("v", 8) { IndexKind = IndexKind.DiskAnn, Element = VectorElement.Float16 }] }).EnsureCollectionExistsAsync();
    });

    [TestCase(64, 32)]
    [TestCase(448, 32)]
    [TestCase(3136, 256)]
    [TestCase(4096, 2)]
    [TestCase(8256, 64)]
    public void NodesStandInPages(int rowBytes, int links)
    {
        var layout = new DiskNodeLayout(rowBytes, links);
        var size = rowBytes + (links * 4);
        for (var node = 0; node < 100; node++)
        {
            var offset = layout.Offset(node);
            Assert.That(offset % 64, Is.Zero);
            Assert.That(offset + size, Is.LessThanOrEqualTo(layout.Offset(node + 1)), string.Create(CultureInfo.InvariantCulture, $"node {node}"));
            Assert.That(offset + size, Is.LessThanOrEqualTo(layout.BytesFor(node + 1)));
            Assert.That(((offset + size - 1) / 4096) - (offset / 4096), Is.EqualTo((size - 1) / 4096), "no more pages than it needs");
        }

        Assert.That(layout.BytesFor(0), Is.Zero);
    }

    // Random points: where it does not matter how near to one another words are.
    private static async Task<VectorCollection<object, Dictionary<string, object?>>> FillPointsAsync(VectorDatabase database, VectorField field, int count)
    {
        var points = database.GetDynamicCollection("points", new CollectionDefinition { Key = KeyKind.Integer, Vectors = [field] });
        await points.EnsureCollectionExistsAsync();
        await points.UpsertAsync(Enumerable.Range(0, count).Select(Point));
        return points;
    }

    private static Dictionary<string, object?> Point(int row) => new(StringComparer.Ordinal) { ["Key"] = (long)row, ["v"] = PointVector(row) };

    private static float[] PointVector(int row)
    {
        var random = new Random(row);
        return [.. Enumerable.Range(0, PointDimensions).Select(_ => random.NextSingle() - 0.5f)];
    }

    /// <summary>A folder with a database of <see cref="Fewer"/> words and their graph.</summary>
    private TemporaryFolder CopyOfTheTemplate()
    {
        var folder = new TemporaryFolder();
        Directory.CreateDirectory(folder["words"]);
        foreach (var file in Directory.GetFiles(_template!["words"]))
        {
            File.Copy(file, Path.Combine(folder["words"], Path.GetFileName(file)));
        }

        return folder;
    }
}
