using System.Collections.Frozen;
using System.Collections.Immutable;
using System.Linq.Expressions;

#pragma warning disable MA0048 // record types of the tests
namespace Abi.Database.Tests.Filters;

/// <summary>A condition finds in the store the records for which it holds over the same records in memory.</summary>
public sealed class FilterAgreementTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();
    private readonly List<Thing> _all = [];
    private VectorDatabase _database = null!;
    private VectorCollection<int, Thing> _things = null!;

    public enum Size : byte
    {
        Small,
        Large = 200,
    }

    [OneTimeSetUp]
    public async Task Fill()
    {
        _database = await VectorDatabase.OpenAsync(_folder["db"]);
        _things = _database.GetCollection<int, Thing>("things");
        await _things.EnsureCollectionExistsAsync();
        int[] integers = [int.MinValue, -2, -1, 0, 1, 2, 3, 97, 200, 16_777_217, int.MaxValue];
        double[] numbers = [double.NegativeInfinity, -1.5, -0.0, 0.1, 0.1f, 0.5, 1, 2, 3, double.PositiveInfinity, double.NaN];
        string?[] texts = [null, "", "a", "A", "ab", "b", "ß", "straße", "STRASSE", "\U0001F600", "zebra"];
        DateTime[] dates = [.. integers.Select((_, i) => new DateTime(2024, 1, 1, 0, 0, 0, DateTimeKind.Utc).AddHours(i - 5))];
        await _things.UpsertAsync(Enumerable.Range(0, integers.Length * 3).Select(i => (Id: i, At: i % integers.Length)).Select(one => new Thing
        {
            Id = one.Id,
            Integer = integers[one.At],
            Long = integers[one.At] * 3_000_000_000L,
            Short = (short)integers[one.At],
            Byte = (byte)integers[one.At],
            Unsigned = (uint)integers[one.At],
            Maybe = one.Id % 3 == 0 ? null : integers[one.At],
            Number = numbers[one.At],
            Single = (float)numbers[one.At],
            Half = (Half)numbers[one.At],
            MaybeNumber = one.Id % 3 == 1 ? null : numbers[one.At],
            Price = one.At / 10m,
            Text = texts[one.At],
            Size = one.Id % 2 == 0 ? Size.Small : Size.Large,
            MaybeDay = one.Id % 4 == 0 ? null : (DayOfWeek)(one.Id % 7),
            IsDone = one.Id % 2 == 0,
            MaybeDone = one.Id % 3 == 0 ? null : one.Id % 3 == 1,
            Time = dates[one.At],
            Moment = new DateTimeOffset(dates[one.At]).ToOffset(TimeSpan.FromHours(2)),
            Day = DateOnly.FromDateTime(dates[one.At].AddDays(one.Id)),
            MaybeTime = one.Id % 3 == 2 ? null : dates[one.At],
            Tags = [.. texts.OfType<string>().Take(one.At)],
            Numbers = [.. integers.Take(one.At)],
            Weights = [.. numbers.Take(one.At)],
        }));
        await foreach (var thing in _things.ListAsync())
        {
            _all.Add(thing);
        }

        Assert.That(_all, Has.Count.EqualTo(integers.Length * 3));
    }

    public void Dispose()
    {
        _database.Dispose();
        _folder.Dispose();
    }

    [Test]
    public async Task OfWholeNumbers()
    {
        var (three, wide, tiny, letter, half, number, money, single, unsigned, size) = (3, 6_000_000_000L, (short)-1, 'a', 0.5, 3.0, 3.0m, 16_777_217f, 3u, Size.Large);
        int? some = 2, none = null;
        await CheckAsync(
            r => r.Integer == three, r => r.Integer != three, r => r.Integer < three, r => !(r.Integer >= three), r => three > r.Integer, r => r.Integer == -1 || r.Integer == 97,
            r => r.Long == wide, r => r.Long > three, r => r.Integer > wide, r => r.Integer == tiny, r => r.Short == tiny, r => r.Short < three, r => r.Byte == 200, r => r.Byte > tiny,
            r => r.Unsigned == 3, r => r.Unsigned == unsigned, r => r.Unsigned > three, r => r.Unsigned > uint.MaxValue - 5, r => r.Integer == unsigned,
            r => r.Integer == 'a', r => r.Integer == letter, r => r.Integer > letter, r => r.Integer > half, r => r.Integer == number, r => r.Integer <= money, r => r.Long > money, r => r.Integer < single,
            r => r.Integer == (int)money, r => r.Integer == (short)three, r => r.Integer > (long)three, r => r.Size == Size.Large, r => r.Size != size, r => (int)r.Size > 100, r => r.Integer == (int)size, r => r.Unsigned == (uint)size,
            r => r.Maybe == three, r => r.Maybe != three, r => r.Maybe > three, r => !(r.Maybe > three), r => r.Maybe == null, r => r.Maybe != null, r => r.Maybe.HasValue, r => !r.Maybe.HasValue,
            r => r.Maybe == some, r => r.Maybe != some, r => r.Maybe == none, r => r.Maybe != none, r => r.Maybe > none, r => !(r.Maybe <= none), r => r.Integer == some, r => r.Integer < none, r => r.Integer == some!.Value,
            r => r.Integer == some.GetValueOrDefault(), r => r.Maybe.HasValue && r.Maybe!.Value > three, r => r.MaybeDay == DayOfWeek.Friday, r => r.MaybeDay != DayOfWeek.Friday, r => r.MaybeDay > DayOfWeek.Monday);
    }

    [Test]
    public async Task OfNumbers()
    {
        var (tenth, single, half, three, large, nan, price, sum) = (0.1, 0.1f, (Half)0.5, 3, 16_777_217, double.NaN, 0.3m, 0.1 + 0.2);
        double? none = null;
        await CheckAsync(
            r => r.Number == tenth, r => r.Number != tenth, r => r.Number > tenth, r => r.Number >= single, r => r.Number == single, r => r.Number == three, r => r.Number < three, r => r.Number == 0, r => r.Number >= 0,
            r => r.Number == nan, r => r.Number != nan, r => !(r.Number < nan), r => r.Number < double.PositiveInfinity, r => r.Number > double.NegativeInfinity, r => r.Number <= double.PositiveInfinity,
            r => r.Single == single, r => r.Single == tenth, r => r.Single > tenth, r => r.Single == three, r => r.Single < large, r => r.Single == (float)half, r => r.Half == half, r => r.Half > half, r => (float)r.Half < single,
            r => r.MaybeNumber == tenth, r => r.MaybeNumber != tenth, r => r.MaybeNumber > none, r => r.MaybeNumber == none, r => r.MaybeNumber < three,
            r => r.Price == price, r => r.Price == (decimal)sum, r => r.Price > (decimal)tenth, r => r.Price >= three, r => r.Price != 0.5m, r => (double)r.Price > tenth);
    }

    [Test]
    public async Task OfTexts()
    {
        var (name, letter, empty) = ("ab", 'a', "");
        string? none = null;
        string[] names = ["a", "ab", "zebra"];
        List<string> list = ["ß", "b"];
        HashSet<string> set = ["A", "straße"];
        IEnumerable<string> some = names.Where(text => text.Length == 1);
        await CheckAsync(
            r => r.Text == name, r => r.Text != name, r => r.Text == none, r => r.Text != null, r => r.Text == empty, r => r.Text == $"{letter}b", r => r.Text == string.Concat(letter, "b"), r => r.Text == string.Join("", new[] { "a", empty, "b" }),
            r => r.Text != null && r.Text.StartsWith(name, StringComparison.Ordinal), r => r.Text != null && r.Text.StartsWith(letter), r => r.Text != null && !r.Text.StartsWith("ST", StringComparison.Ordinal),
            r => r.Text != null && r.Text.Contains(name), r => r.Text != null && r.Text.Contains(letter), r => r.Text != null && r.Text.Contains("ra", StringComparison.Ordinal), r => r.Text != null && r.Text.Contains(empty),
            r => names.Contains(r.Text), r => !names.Contains(r.Text), r => list.Contains(r.Text!), r => set.Contains(r.Text!), r => some.Contains(r.Text), r => new[] { "a", "b" }.Contains(r.Text), r => Array.Empty<string>().Contains(r.Text),
            r => set.ToFrozenSet().Contains(r.Text!), r => ImmutableHashSet.CreateRange(StringComparer.Ordinal, names).Contains(r.Text!), r => new SortedSet<string>(names, StringComparer.Ordinal).Contains(r.Text!),
            r => r.Tags.Contains("ab"), r => !r.Tags.Contains(name), r => r.Tags.Contains("zebra"));
    }

    [Test]
    public async Task OfTimes()
    {
        var time = new DateTime(2024, 1, 1, 0, 0, 0, DateTimeKind.Utc);
        var moment = new DateTimeOffset(time).ToOffset(TimeSpan.FromHours(-5));
        var day = new DateOnly(2024, 1, 9);
        DateTime? none = null;
        await CheckAsync(
            r => r.Time == time, r => r.Time != time, r => r.Time < time, r => r.Time >= time.AddHours(1), r => r.Time > new DateTime(2024, 1, 1, 2, 0, 0, DateTimeKind.Utc), r => r.Time > moment,
            r => r.Moment == moment, r => r.Moment <= moment, r => r.Moment > time, r => r.Moment < DateTimeOffset.UtcNow.AddDays(-1), r => r.Day == day, r => r.Day > day, r => r.Day <= DateOnly.MaxValue,
            r => r.MaybeTime == time, r => r.MaybeTime != time, r => r.MaybeTime > none, r => r.MaybeTime == none, r => r.MaybeTime < time, r => r.MaybeTime.HasValue && r.MaybeTime.Value > time);
    }

    [Test]
    public async Task OfFlagsAndArrays()
    {
        var (yes, tenth, two) = (true, 0.1, 2);
        int[] integers = [1, 2, 97];
        long[] longs = [-1, 3];
        double[] numbers = [0.1, 3];
        int?[] maybes = [2, 3];
        DayOfWeek[] days = [DayOfWeek.Monday, DayOfWeek.Friday];
        Size[] sizes = [Size.Large];
        bool? none = null;
        string? nothing = null;
        await CheckAsync(
            r => yes, r => !yes || r.Integer == two, r => yes && r.Integer == two, r => false, r => !r.Tags.Contains(nothing), r => r.Tags.Contains(nothing),
            r => r.IsDone, r => !r.IsDone, r => r.IsDone == yes, r => r.IsDone != yes, r => r.MaybeDone == yes, r => r.MaybeDone != yes, r => r.MaybeDone == none, r => r.MaybeDone != null && r.MaybeDone.Value,
            r => integers.Contains(r.Integer), r => longs.Contains(r.Integer), r => longs.Contains(r.Long), r => numbers.Contains(r.Number), r => numbers.Contains(r.Integer), r => numbers.Contains(r.Single), r => maybes.Contains(r.Maybe),
            r => maybes.Contains(r.Integer), r => sizes.Contains(r.Size), r => r.MaybeDay != null && days.Contains(r.MaybeDay.Value), r => Enumerable.Range(0, 12).Contains(r.Integer), r => !new[] { 1, 2 }.Contains(r.Integer),
            r => r.Numbers.Contains(two), r => !r.Numbers.Contains(97), r => r.Weights.Contains(tenth), r => r.Weights.Contains(two), r => r.Weights.Contains(7));
    }

    private async Task CheckAsync(params Expression<Func<Thing, bool>>[] conditions)
    {
        List<string> wrong = [];
        foreach (var condition in conditions)
        {
            try
            {
                List<int> found = [];
                await foreach (var thing in _things.ListAsync(new ListOptions { Filter = _things.Where(condition) }))
                {
                    found.Add(thing.Id);
                }

                List<int> expected = [.. _all.Where(condition.Compile()).Select(thing => thing.Id).Order()];
                found.Sort();
                if (!found.SequenceEqual(expected))
                {
                    wrong.Add($"{condition}: {string.Join(' ', found)}, but {string.Join(' ', expected)} in memory");
                }
            }
            catch (Exception error)
            {
                wrong.Add($"{condition}: {error.GetType().Name} {error.Message}");
            }
        }

        Assert.That(wrong, Is.Empty);
    }

    public sealed class Thing
    {
        [RecordKey]
        public int Id { get; set; }

        [RecordData(IsIndexed = true)]
        public int Integer { get; set; }

        [RecordData(IsIndexed = true)]
        public long Long { get; set; }

        [RecordData(IsIndexed = true)]
        public short Short { get; set; }

        [RecordData(IsIndexed = true)]
        public byte Byte { get; set; }

        [RecordData(IsIndexed = true)]
        public uint Unsigned { get; set; }

        [RecordData(IsIndexed = true)]
        public int? Maybe { get; set; }

        [RecordData(IsIndexed = true)]
        public double Number { get; set; }

        [RecordData(IsIndexed = true)]
        public float Single { get; set; }

        [RecordData(IsIndexed = true)]
        public Half Half { get; set; }

        [RecordData(IsIndexed = true)]
        public double? MaybeNumber { get; set; }

        [RecordData(IsIndexed = true)]
        public decimal Price { get; set; }

        [RecordData(IsIndexed = true)]
        public string? Text { get; set; }

        [RecordData(IsIndexed = true)]
        public Size Size { get; set; }

        [RecordData(IsIndexed = true)]
        public DayOfWeek? MaybeDay { get; set; }

        [RecordData(IsIndexed = true)]
        public bool IsDone { get; set; }

        [RecordData(IsIndexed = true)]
        public bool? MaybeDone { get; set; }

        [RecordData(IsIndexed = true)]
        public DateTime Time { get; set; }

        [RecordData(IsIndexed = true)]
        public DateTimeOffset Moment { get; set; }

        [RecordData(IsIndexed = true)]
        public DateOnly Day { get; set; }

        [RecordData(IsIndexed = true)]
        public DateTime? MaybeTime { get; set; }

        [RecordData(IsIndexed = true)]
        public string[] Tags { get; set; } = [];

        [RecordData(IsIndexed = true)]
        public int[] Numbers { get; set; } = [];

        [RecordData(IsIndexed = true)]
        public double[] Weights { get; set; } = [];
    }
}
