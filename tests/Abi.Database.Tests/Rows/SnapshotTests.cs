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

    private static async Task RunAsync(int seed, int steps, IndexKind kind)
    {
        var random = new Random(seed);
        using var database = new VectorDatabase(new DatabaseEngine(new MemoryStorage(), new DatabaseOptions { Durability = Durability.Os }));
        var collection = database.GetDynamicCollection("c", new CollectionDefinition
        {
            Key = KeyKind.Integer,
            Data = [new DataField("number", DataKind.Integer) { IsIndexed = true }, new DataField("name", DataKind.Text) { IsIndexed = true, IsFullTextIndexed = true }],
            Vectors = [new VectorField("v", 4) { IndexKind = kind, DistanceFunction = DistanceFunction.EuclideanSquaredDistance }],
        });
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
                    // A few keys again and again, others now and then; words that nobody has used before, and some that all use.
                    var batch = Enumerable.Range(0, random.Next(1, 60)).Select(_ => (long)random.Next(random.Next(2) == 0 ? Keys : 5)).Distinct().ToDictionary(
                        key => key, _ => ((long)random.Next(6), $"common{random.Next(4)} rare{made++}", new[] { random.NextSingle(), random.NextSingle(), random.NextSingle(), random.NextSingle() }));
                    await collection.UpsertAsync(batch.Select(item => new Dictionary<string, object?>(StringComparer.Ordinal) { ["Key"] = item.Key, ["number"] = item.Value.Item1, ["name"] = item.Value.Item2, ["v"] = item.Value.Item3 }));
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
                    held.Add(new Snapshot(place, view, new(model)));
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
        var visible = store.Visible(snapshot.View, 0);
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
            var nearest = index.Search(MemoryMarshal.AsBytes<float>(one.Vector), 1, new SearchEffort(isExact, 0, 0, 1), store.Visible(snapshot.View, 0, index), snapshot.View.Slots, snapshot.View.Live);
            Assert.That(nearest.Count, Is.EqualTo(1), where);
            Assert.That(Show(store, ScoredSlot.Slot(nearest.Items[0])), Is.EqualTo(snapshot.Records.Where(item => item.Value.Vector == one.Vector).Select(item => Show(item.Key, item.Value)).Single()), where);
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

    private sealed record Snapshot(int Place, CollectionView View, Dictionary<long, (long Number, string Name, float[] Vector)> Records);
}
