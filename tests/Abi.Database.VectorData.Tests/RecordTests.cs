using System.Collections;
using System.Collections.Immutable;
using Microsoft.Extensions.AI;
using Microsoft.Extensions.VectorData;

namespace Abi.Database.VectorData.Tests;

/// <summary>Records on their way in and out.</summary>
public sealed class RecordTests : StoreFixture
{
    [Test]
    public async Task EveryTypeComesBack()
    {
        var all = await MakeAsync<int, Everything>(Store);
        var given = new Everything
        {
            Key = 7,
            Flag = true,
            Byte = 200,
            Long = long.MaxValue,
            Float = 1.5f,
            Double = Math.PI,
            Decimal = 12.5m,
            Text = "text",
            Day = DayOfWeek.Friday,
            Date = new DateOnly(2026, 11, 29),
            Moment = new DateTime(2026, 11, 29, 1, 2, 3, DateTimeKind.Utc),
            Offset = new DateTimeOffset(2026, 11, 29, 1, 2, 3, TimeSpan.FromHours(2)),
            Texts = ["a", "b"],
            Immutable = ["c"],
            Numbers = [1.5, 2],
            Integers = [1, 2, 3],
            Floats = new float[] { 1, 2, 3 },
            Halves = new Half[] { (Half)0.5f, (Half)2 },
            Bytes = [1, -2],
            Bits = new BinaryEmbedding(new BitArray([true, false, true, true, false, false, false, false, false, true])),
            Embedded = new Embedding<float>(new float[] { 4, 5 }),
        };
        await all.UpsertAsync(given);
        var back = await all.GetAsync(7, new RecordRetrievalOptions { IncludeVectors = true });
        Assert.That(back!.Bits!.Vector.Cast<bool>(), Is.EqualTo(given.Bits!.Vector.Cast<bool>()));
        Assert.That(back.Embedded!.Vector.ToArray(), Is.EqualTo(new float[] { 4, 5 }));
        Assert.That(Said(back), Is.EqualTo(Said(given)));
        Assert.That((back.Text, back.Day, back.Maybe, back.Offset.Offset, back.Moment.Kind), Is.EqualTo(("text", DayOfWeek.Friday, (int?)null, TimeSpan.FromHours(2), DateTimeKind.Utc)));

        var without = await all.GetAsync(7);
        Assert.That((without!.Floats.IsEmpty, without.Bits, without.Bytes, without.Text), Is.EqualTo((true, (BinaryEmbedding?)null, (sbyte[]?)null, "text")));

        static string Said(Everything it) => string.Join(
            '|', it.Key, it.Flag, it.Byte, it.Long, it.Float, it.Double, it.Decimal, it.Text, it.Day, it.Date, it.Moment.Ticks, it.Offset, string.Join(',', it.Texts!), string.Join(',', it.Immutable), string.Join(',', it.Numbers!), string.Join(',', it.Integers!),
            string.Join(',', it.Floats.ToArray()), string.Join(',', it.Halves.ToArray()), string.Join(',', it.Bytes!));
    }

    [Test]
    public async Task WhatIsNotThereComesBackSo()
    {
        var all = await MakeAsync<int, Everything>(Store);
        await all.UpsertAsync(new Everything { Key = 1, Immutable = default });
        var back = await all.GetAsync(1, new RecordRetrievalOptions { IncludeVectors = true });
        Assert.That((back!.Text, back.Maybe, back.Texts, back.Floats.IsEmpty, back.Bits, back.Bytes), Is.EqualTo(((string?)null, (int?)null, (List<string>?)null, true, (BinaryEmbedding?)null, (sbyte[]?)null)));
        Assert.That(await all.GetAsync(2), Is.Null);
    }

    [Test]
    public async Task BatchesAreWrittenReadAndDeleted()
    {
        var hotels = await MakeAsync<string, Hotel>(Store);
        await hotels.UpsertAsync(Hotel.Some);
        Assert.That((await hotels.GetAsync(["c", "x", "a"]).ToListAsync()).Select(hotel => hotel.Id), Is.EqualTo(["c", "a"]));
        await hotels.UpsertAsync(new Hotel { Id = "c", Name = "Tavern", Place = new float[] { 0, 1 } });
        Assert.That((await hotels.GetAsync("c"))!.Name, Is.EqualTo("Tavern"));
        await hotels.DeleteAsync("c");
        await hotels.DeleteAsync(["a", "x"]);
        Assert.That((await hotels.GetAsync(["a", "b", "c", "d"]).ToListAsync()).Select(hotel => hotel.Id), Is.EqualTo(["b", "d"]));
    }

    [Test]
    public async Task ABatchIsWrittenWholeOrNotAtAll()
    {
        var hotels = await MakeAsync<string, Hotel>(Store);
        Assert.That(() => hotels.UpsertAsync([Hotel.Some[0], new Hotel { Id = "wrong", Place = new float[] { 1, 2, 3 } }]), Throws.ArgumentException.With.Message.Contains("3 elements"));
        Assert.That(() => hotels.UpsertAsync([Hotel.Some[0], null!]), Throws.ArgumentException);
        Assert.That(await hotels.GetAsync("a"), Is.Null);
    }

    [Test]
    public void APropertyThatCannotBeSetIsRefused()
    {
        Assert.That(() => Store.GetCollection<string, Closed>("x"), Throws.InvalidOperationException.With.Message.Contains("'Text'").And.Message.Contains("setter"));
    }

    /// <summary>Rounded to a double they are more than a decimal holds.</summary>
    [TestCase(true)]
    [TestCase(false)]
    public async Task TheGreatestDecimalsCanBeReadAgain(bool isGreatest)
    {
        var all = await MakeAsync<int, Everything>(Store);
        var value = isGreatest ? decimal.MaxValue : decimal.MinValue;
        await all.UpsertAsync(new Everything { Key = 1, Decimal = value });
        Assert.That((await all.GetAsync(1))!.Decimal, Is.EqualTo(value));
    }

    [Test]
    public async Task KeysAreMadeWhereTheyMay()
    {
        var pages = await MakeAsync<Guid, Keyed>(Store);
        var (made, own) = (new Keyed { Text = "made" }, new Keyed { Id = Guid.NewGuid(), Text = "own" });
        var kept = own.Id;
        await pages.UpsertAsync([made, own]);
        Assert.That(made.Id, Is.Not.EqualTo(Guid.Empty));
        Assert.That(own.Id, Is.EqualTo(kept));
        Assert.That(((await pages.GetAsync(made.Id))!.Text, (await pages.GetAsync(kept))!.Text), Is.EqualTo(("made", "own")));
    }

    [Test]
    public async Task DictionariesNeedNoClass()
    {
        var things = Store.GetDynamicCollection("dynamic", new VectorStoreCollectionDefinition
        {
            Properties =
            [
                new VectorStoreKeyProperty("Id", typeof(long)),
                new VectorStoreDataProperty("Name", typeof(string)) { IsIndexed = true, StorageName = "name_there" },
                new VectorStoreDataProperty("Count", typeof(int)) { IsIndexed = true },
                new VectorStoreVectorProperty("Place", typeof(ReadOnlyMemory<float>), 2),
            ],
        });
        await things.EnsureCollectionExistsAsync();
        await things.UpsertAsync(
        [
            new() { ["Id"] = 1L, ["Name"] = "one", ["Count"] = 5, ["Place"] = new ReadOnlyMemory<float>([1, 0]) },
            new() { ["Id"] = 2L, ["Name"] = "two", ["Count"] = 7, ["Place"] = new ReadOnlyMemory<float>([0, 1]) },
            new() { ["Id"] = 3L },
        ]);
        var back = await things.GetAsync(2L, new RecordRetrievalOptions { IncludeVectors = true });
        Assert.That((back!["Id"], back["Name"], back["Count"], ((ReadOnlyMemory<float>)back["Place"]!).ToArray()[1]), Is.EqualTo(((object)2L, (object)"two", (object)7, 1f)));
        Assert.That((await things.GetAsync(3L))!["Name"], Is.Null);

        var name = "two";
        var found = await things.SearchAsync(new float[] { 1, 0 }, 3, new VectorSearchOptions<Dictionary<string, object?>> { Filter = thing => (string)thing["Name"]! == name && (int)thing["Count"]! > 5 }).SingleAsync();
        Assert.That(found.Record["Id"], Is.EqualTo(2L));
        Assert.That(() => things.UpsertAsync(new Dictionary<string, object?> { ["Id"] = 4L, ["Count"] = "five" }), Throws.TypeOf<InvalidCastException>());
    }

    internal sealed class Closed
    {
        [VectorStoreKey]
        public string Id { get; private set; } = "";

        [VectorStoreData]
        public string Text { get; } = "";
    }

    internal sealed class Keyed
    {
        [VectorStoreKey]
        public Guid Id { get; set; }

        [VectorStoreData]
        public string? Text { get; set; }
    }

    internal sealed class Everything
    {
        [VectorStoreKey]
        public int Key { get; set; }

        [VectorStoreData]
        public bool Flag { get; set; }

        [VectorStoreData]
        public byte Byte { get; set; }

        [VectorStoreData]
        public long Long { get; set; }

        [VectorStoreData]
        public float Float { get; set; }

        [VectorStoreData]
        public double Double { get; set; }

        [VectorStoreData]
        public decimal Decimal { get; set; }

        [VectorStoreData]
        public string? Text { get; set; }

        [VectorStoreData]
        public int? Maybe { get; set; }

        [VectorStoreData]
        public DayOfWeek Day { get; set; }

        [VectorStoreData]
        public DateOnly Date { get; set; }

        [VectorStoreData]
        public DateTime Moment { get; set; }

        [VectorStoreData]
        public DateTimeOffset Offset { get; set; }

        [VectorStoreData]
        public List<string>? Texts { get; set; }

        [VectorStoreData]
        public ImmutableArray<string> Immutable { get; set; } = [];

        [VectorStoreData]
        public double[]? Numbers { get; set; }

        [VectorStoreData]
        public int[]? Integers { get; set; }

        [VectorStoreVector(3)]
        public ReadOnlyMemory<float> Floats { get; set; }

        [VectorStoreVector(2)]
        public ReadOnlyMemory<Half> Halves { get; set; }

        [VectorStoreVector(2)]
        public sbyte[]? Bytes { get; set; }

        [VectorStoreVector(10)]
        public BinaryEmbedding? Bits { get; set; }

        [VectorStoreVector(2)]
        public Embedding<float>? Embedded { get; set; }
    }
}
