using System.Collections.Concurrent;
using System.Collections.Immutable;
using System.Globalization;
using System.Runtime.InteropServices;
using Abi.Database.Engine;
using Abi.Database.Indexes;
using Abi.Database.Rows;
using Abi.Database.Tests.Storage;
using Abi.Database.Text;

namespace Abi.Database.Tests.Rows;

/// <summary>A snapshot that is held shows what there was, whatever is written, let go of and used again meanwhile.</summary>
[Parallelizable]
public sealed class SnapshotTests
{
    private const int Keys = 300;

    [Test]
    public Task OldSnapshotsShowWhatThereWas([Values(1, 2, 3)] int seed, [Values(IndexKind.Hnsw, IndexKind.Flat)] IndexKind index) => RunAsync(seed, 600, index);

    [Test]
    [Explicit("long: 100 runs, others each time")]
    public async Task OldSnapshotsShowWhatThereWasForLong()
    {
        for (var run = 0; run < 100; run++)
        {
            await RunAsync(Random.Shared.Next(), 1500, run % 2 == 0 ? IndexKind.Hnsw : IndexKind.Flat);
        }
    }

    /// <summary>The same on other threads, while one writes, deletes, compacts, makes checkpoints and sweeps outlived records: each snapshot is that of one commit.</summary>
    [Test]
    public Task SnapshotsBesideAWriterAreThoseOfCommits([Values(IndexKind.Hnsw, IndexKind.Flat)] IndexKind index) => RunBesideAsync(4, 400, index);

    [Test]
    [Explicit("long: 50,000 steps, others each time")]
    public Task SnapshotsBesideAWriterAreThoseOfCommitsForLong([Values(IndexKind.Hnsw, IndexKind.Flat)] IndexKind index) => RunBesideAsync(Random.Shared.Next(), 50_000, index);

    private static async Task RunBesideAsync(int seed, int steps, IndexKind kind)
    {
        const int Readers = 2, LeastCompared = 20;
        var life = TimeSpan.FromSeconds(10);
        var random = new Random(seed);
        var clock = new ManualClock();
        using var database = new VectorDatabase(new DatabaseEngine(new MemoryStorage(), new DatabaseOptions { Durability = Durability.Os, Clock = clock }));
        var collection = database.GetDynamicCollection("c", Definition(kind) with { TimeToLive = life });
        await collection.EnsureCollectionExistsAsync();
        // Each state is noted before it is committed, by the number that its commit gets, since nobody else writes. What is there before any record has no number.
        ConcurrentDictionary<long, ImmutableDictionary<long, (long Number, string Name, float[] Vector)>> states = new() { [0] = ImmutableDictionary<long, (long, string, float[])>.Empty };
        states[database.Sequence] = states[0];
        Dictionary<long, DateTimeOffset> ends = [];
        using var end = new CancellationTokenSource();
        var compared = new int[Readers];
        Task[] readers = [.. Enumerable.Range(0, Readers).Select(i => Task.Factory.StartNew(() => Read(new Random(seed + 1 + i), ref compared[i]), CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default))];
        var (made, swept) = (0, 0);
        try
        {
            var state = states[0];
            for (var step = 0; (step < steps || compared.Min() < LeastCompared) && !end.IsCancellationRequested; step++)
            {
                switch (random.Next(50))
                {
                    case 0:
                        await database.CompactAsync();
                        break;
                    case 1:
                        await database.CheckpointAsync();
                        break;
                    case 2:
                        await database.WaitForIndexAsync();
                        break;
                    case < 7:
                        var now = clock.GetUtcNow() + (life / 2);
                        long[] outlived = [.. state.Keys.Where(key => ends[key] <= now)];
                        states[database.Sequence + 1] = state = state.RemoveRange(outlived);
                        clock.Advance(life / 2); // which sweeps, too, now and then
                        await database.DeleteExpiredAsync();
                        Assert.That(database.Engine.Find("c")!.Store.View.Live, Is.EqualTo(state.Count));
                        swept += outlived.Length;
                        break;
                    case < 22:
                        long[] deleted = [.. Enumerable.Range(0, random.Next(1, 80)).Select(_ => (long)random.Next(Keys))];
                        states[database.Sequence + 1] = state = state.RemoveRange(deleted);
                        await collection.DeleteAsync(deleted.Select(key => (object)key));
                        break;
                    default:
                        var batch = Batch(random, ref made);
                        states[database.Sequence + 1] = state = state.SetItems(batch);
                        foreach (var key in batch.Keys)
                        {
                            ends[key] = clock.GetUtcNow() + life;
                        }

                        await collection.UpsertAsync(batch.Select(Record));
                        break;
                }
            }
        }
        finally
        {
            end.Cancel();
        }

        await Task.WhenAll(readers);
        Assert.That(swept, Is.GreaterThan(10));
        Assert.That(database.Engine.Find("c")!.Store.View.Slots, Is.LessThan(made / 2), "slots were used again");

        void Read(Random random, ref int count)
        {
            List<(CollectionStore Store, Snapshot Snapshot)> held = [];
            try
            {
                while (!end.IsCancellationRequested)
                {
                    if (held.Count < 3)
                    {
                        var store = database.Engine.Find("c")!.Store;
                        var (place, view) = store.BeginRead();
                        held.Add((store, new Snapshot(place, view, states[view.Sequence])));
                    }

                    foreach (var (store, snapshot) in held)
                    {
                        Compare(store, snapshot, random, $"seed {seed}, snapshot of {snapshot.View.Sequence}, last {database.Sequence}");
                        count++;
                    }

                    if (held.Count == 3)
                    {
                        var left = random.Next(held.Count);
                        held[left].Store.EndRead(held[left].Snapshot.Place);
                        held.RemoveAt(left);
                    }
                }
            }
            finally
            {
                end.Cancel(); // one that fails ends all
                held.ForEach(item => item.Store.EndRead(item.Snapshot.Place));
            }
        }
    }

    private static CollectionDefinition Definition(IndexKind kind) => new()
    {
        Key = KeyKind.Integer,
        Data = [new DataField("number", DataKind.Integer) { IsIndexed = true }, new DataField("name", DataKind.Text) { IsIndexed = true, IsFullTextIndexed = true }],
        Vectors = [new VectorField("v", 4) { IndexKind = kind, DistanceFunction = DistanceFunction.EuclideanSquaredDistance }],
    };

    // A few keys again and again, others now and then; words that nobody has used before, and some that all use.
    private static Dictionary<long, (long Number, string Name, float[] Vector)> Batch(Random random, ref int made)
    {
        Dictionary<long, (long, string, float[])> batch = [];
        for (var left = random.Next(1, 60); left > 0; left--)
        {
            batch[random.Next(random.Next(2) == 0 ? Keys : 5)] = (random.Next(6), $"common{random.Next(4)} rare{made++}", [random.NextSingle(), random.NextSingle(), random.NextSingle(), random.NextSingle()]);
        }

        return batch;
    }

    private static Dictionary<string, object?> Record(KeyValuePair<long, (long Number, string Name, float[] Vector)> item) =>
        new(StringComparer.Ordinal) { ["Key"] = item.Key, ["number"] = item.Value.Number, ["name"] = item.Value.Name, ["v"] = item.Value.Vector };

    private static async Task RunAsync(int seed, int steps, IndexKind kind)
    {
        var random = new Random(seed);
        using var database = new VectorDatabase(new DatabaseEngine(new MemoryStorage(), new DatabaseOptions { Durability = Durability.Os }));
        var collection = database.GetDynamicCollection("c", Definition(kind));
        await collection.EnsureCollectionExistsAsync();
        var store = database.Engine.Find("c")!.Store;
        Dictionary<long, (long Number, string Name, float[] Vector)> model = [];
        List<Snapshot> held = [];
        var (made, compared) = (0, 0);
        for (var step = 0; step < steps; step++)
        {
            switch (random.Next(10))
            {
                case 0 or 1 or 2 or 3:
                    var batch = Batch(random, ref made);
                    await collection.UpsertAsync(batch.Select(Record));
                    foreach (var (key, value) in batch)
                    {
                        model[key] = value;
                    }

                    break;
                case 4 or 5:
                    var deleted = Enumerable.Range(0, random.Next(1, 80)).Select(_ => (long)random.Next(Keys)).ToList();
                    await collection.DeleteAsync(deleted.Select(key => (object)key));
                    deleted.ForEach(key => model.Remove(key));
                    break;
                case 6 when held.Count < 3:
                    var (place, view) = store.BeginRead();
                    held.Add(new Snapshot(place, view, new Dictionary<long, (long Number, string Name, float[] Vector)>(model)));
                    break;
                case 7 when held.Count > 0:
                    var left = random.Next(4) == 0 ? random.Next(held.Count) : 0;
                    store.EndRead(held[left].Place);
                    held.RemoveAt(left);
                    break;
                case 8:
                    await database.WaitForIndexAsync();
                    break;
                default:
                    held.ForEach(snapshot => Compare(store, snapshot, random, $"seed {seed}, step {step}, snapshot of {snapshot.View.Sequence}"));
                    compared += held.Count;
                    break;
            }
        }

        held.ForEach(snapshot => store.EndRead(snapshot.Place));
        Assert.That(compared, Is.GreaterThan(steps / 10));
        Assert.That(store.View.Slots, Is.LessThan(made / 2), "slots were used again");
    }

    private static void Compare(CollectionStore store, Snapshot snapshot, Random random, string where)
    {
        var visible = store.Visible(snapshot.View, long.MinValue); // what is outlived, too
        for (var i = 0; i < 10; i++)
        {
            var key = (long)random.Next(Keys);
            var slot = store.Find(RecordCodec.EncodeKey(KeyKind.Integer, key), visible);
            Assert.That(slot < 0 ? null : Show(store, slot), Is.EqualTo(snapshot.Records.TryGetValue(key, out var known) ? Show(key, known) : null), where);
        }

        Equal(Slots(store.Select(null, visible, snapshot.View.Slots)), _ => true);
        var number = (long)random.Next(6);
        Equal(Slots(store.Select(Filter.Equal("number", number), visible, snapshot.View.Slots)), record => record.Number == number);
        Equal(Slots(store.Select(Filter.GreaterThan("number", number), visible, snapshot.View.Slots)), record => record.Number > number);
        if (snapshot.Records.Count == 0)
        {
            return;
        }

        var one = snapshot.Records.Values.ElementAt(random.Next(snapshot.Records.Count));
        Equal(Slots(store.Select(Filter.Equal("name", one.Name), visible, snapshot.View.Slots)), record => record.Name == one.Name);
        Equal(Slots(store.Select(Filter.StartsWith("name", one.Name[..7]), visible, snapshot.View.Slots)), record => record.Name.StartsWith(one.Name[..7], StringComparison.Ordinal));
        foreach (var word in one.Name.Split(' '))
        {
            var found = new TextSearcher("c", [.. store.TextIndexes], new TextScoring(), visible, snapshot.View.Slots).Search(word, Keys);
            Equal(found.Select(item => item.Slot), record => record.Name.Split(' ').Contains(word));
        }

        var index = store.Vectors[0];
        foreach (var isExact in new[] { true, false })
        {
            var nearest = index.Search(MemoryMarshal.AsBytes<float>(one.Vector), 1, new SearchEffort(isExact, 0, 0, 1), store.Visible(snapshot.View, long.MinValue, index), snapshot.View.Slots, snapshot.View.Live);
            Assert.That(nearest.Count, Is.EqualTo(1), where);
            Assert.That(Show(store, ScoredSlot.Slot(nearest.Items[0])), Is.EqualTo(snapshot.Records.Where(item => item.Value.Vector == one.Vector).Select(item => Show(item.Key, item.Value)).Single()), where);
        }

        var near = index.Search(MemoryMarshal.AsBytes<float>(one.Vector), 5, new SearchEffort(false, 4, 0, 1), store.Visible(snapshot.View, long.MinValue, index), snapshot.View.Slots, snapshot.View.Live);
        Assert.That(near.Count, Is.EqualTo(Math.Min(5, snapshot.Records.Count)), where);
        foreach (var item in near.Items)
        {
            var found = Show(store, ScoredSlot.Slot(item));
            var key = long.Parse(found[..found.IndexOf(':', StringComparison.Ordinal)], CultureInfo.InvariantCulture);
            Assert.That(found, Is.EqualTo(snapshot.Records.TryGetValue(key, out var known) ? Show(key, known) : null), where);
        }

        void Equal(IEnumerable<int> slots, Func<(long Number, string Name, float[] Vector), bool> holds) =>
            Assert.That(slots.Select(slot => Show(store, slot)), Is.EquivalentTo(snapshot.Records.Where(item => holds(item.Value)).Select(item => Show(item.Key, item.Value))), where);
    }

    private static IEnumerable<int> Slots(ulong[] bits) => Enumerable.Range(0, bits.Length * 64).Where(slot => (bits[slot >> 6] >> (slot & 63) & 1) != 0);

    private static string Show(CollectionStore store, int slot)
    {
        var payload = store.Payload(slot);
        var values = RecordCodec.ReadValues(store.Schema, payload);
        return Show(MemoryMarshal.Read<long>(RecordCodec.Key(payload)), ((long)values[0]!, (string)values[1]!, MemoryMarshal.Cast<byte, float>(store.Vectors[0].Raw(slot)).ToArray()));
    }

    private static string Show(long key, (long Number, string Name, float[] Vector) record) => $"{key}: {record.Number} {record.Name} {string.Join(' ', record.Vector)}";

    private sealed record Snapshot(int Place, CollectionView View, IReadOnlyDictionary<long, (long Number, string Name, float[] Vector)> Records);
}
