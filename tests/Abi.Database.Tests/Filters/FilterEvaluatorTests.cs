using System.Globalization;
using Abi.Database.Filters;
using Abi.Database.Schema;

namespace Abi.Database.Tests.Filters;

/// <summary>Filters at the ends of what values there are, and over fields without one, against comparisons of single values.</summary>
public sealed class FilterEvaluatorTests
{
    private const long Most = 1L << 53; // whole numbers up to here are numbers of 64 bits, too

    private const double Beyond = 9223372036854775808; // 2^63, the first number that no whole number has

    private static readonly long[] Integers = [long.MinValue, long.MinValue + 1, -Most - 1, -2, -1, 0, 1, 2, 3, Most, Most + 1, long.MaxValue - 1, long.MaxValue];

    private static readonly double[] Numbers = [double.NegativeInfinity, -1e300, -Beyond - 2048, -Beyond, -Most, -1.5, -1, -0.5, -0.0, double.Epsilon, 0.5, 1, 2.5, Most, Beyond - 1024, Beyond, 1e300, double.PositiveInfinity];

    private static readonly decimal[] Decimals = [decimal.MinValue, long.MinValue - 0.5m, long.MinValue, long.MinValue + 0.5m, -Most - 1.5m, -Most - 1, -0.5m, 0, 1.0m, 2.5m, Most + 0.5m, Most + 1, Most + 1.5m, long.MaxValue - 0.5m, long.MaxValue, long.MaxValue + 0.5m, decimal.MaxValue];

    private static readonly Func<string, object, Filter>[] Comparisons = [Filter.Equal, Filter.NotEqual, Filter.LessThan, Filter.LessThanOrEqual, Filter.GreaterThan, Filter.GreaterThanOrEqual];

    [Test]
    public void WholeNumbersCompareWithAnyNumber()
    {
        foreach (var (make, operand) in from make in Comparisons from operand in Numbers.Cast<object>().Concat(Integers.Cast<object>()).Concat(Decimals.Cast<object>()) select (make, operand))
        {
            Check(DataKind.Integer, [.. Integers], make("f", operand), value => Compare((long)value, operand));
        }
    }

    [Test]
    public void NumbersCompareAtTheirEnds()
    {
        foreach (var (make, operand) in from make in Comparisons from operand in Numbers select (make, operand))
        {
            Check(DataKind.Number, [.. Numbers], make("f", operand), value => ((double)value).CompareTo(operand == 0 ? (double)value == 0 ? (double)value : 0 : operand));
        }
    }

    [Test]
    public void NotANumberComparesWithNothing()
    {
        foreach (var make in Comparisons.Where(make => make != Filter.NotEqual))
        {
            Assert.That(Evaluate(DataKind.Number, [double.NaN, 1.0], make("f", double.NaN)), Is.All.False);
            Assert.That(Evaluate(DataKind.Number, [double.NaN], make("f", 1.0)), Is.All.False);
        }
    }

    /// <summary>A field without a value is kept as 0, or as the first text: it must not be found as that, also where another record had a value before.</summary>
    [Test]
    public void WhatHasNoValueEqualsNoValue([Values] bool isUsedAgain)
    {
        foreach (var (kind, value) in ((DataKind, object)[])[(DataKind.Boolean, false), (DataKind.Integer, 0L), (DataKind.Number, 0.0), (DataKind.Date, DateTimeOffset.MinValue), (DataKind.Text, "")])
        {
            bool Holds(Filter filter) => Evaluate(kind, [null], filter, isUsedAgain ? value : null)[0];
            Assert.Multiple(() =>
            {
                Assert.That(Holds(Filter.Equal("f", value)), Is.False, $"{kind} =");
                Assert.That(Holds(Filter.NotEqual("f", value)), Is.True, $"{kind} ≠");
                Assert.That(Holds(Filter.In("f", value)), Is.False, $"{kind} in");
                Assert.That(Holds(Filter.LessThanOrEqual("f", value)), Is.False, $"{kind} ≤");
                Assert.That(Holds(Filter.GreaterThanOrEqual("f", value)), Is.False, $"{kind} ≥");
                Assert.That(Holds(Filter.Exists("f")), Is.False, $"{kind} exists");
                Assert.That(Holds(Filter.Equal("f", null)), Is.True, $"{kind} = null");
                Assert.That(Holds(Filter.NotEqual("f", null)), Is.False, $"{kind} ≠ null");
            });
        }

        Assert.That(Evaluate(DataKind.Text, [null], Filter.StartsWith("f", ""), isUsedAgain ? "" : null)[0], Is.False);
        Assert.That(Evaluate(DataKind.TextArray, [null], Filter.Contains("f", "a"), isUsedAgain ? new[] { "a" } : null)[0], Is.False);
    }

    [Test]
    public void NestingIsBounded()
    {
        var filter = Filter.Exists("f");
        for (var depth = 0; depth < Filter.MaximumDepth; depth++)
        {
            filter = depth % 2 == 0 ? Filter.Not(filter) : Filter.And(filter);
        }

        Assert.That(Evaluate(DataKind.Integer, [1L, null], filter), Is.EqualTo((bool[])[true, false]));
        Assert.That(() => Evaluate(DataKind.Integer, [1L], Filter.Not(filter)), Throws.ArgumentException.With.Message.Contains("deep"));
    }

    [Test]
    public void OfNoneEverythingOrNothingHolds()
    {
        Assert.That(Evaluate(DataKind.Integer, [1L, null], Filter.And()), Is.All.True);
        Assert.That(Evaluate(DataKind.Integer, [1L, null], Filter.Or()), Is.All.False);
        Assert.That(Evaluate(DataKind.Integer, [1L, null], Filter.In("f")), Is.All.False);
    }

    [Test]
    public void ManyValuesAreFoundAsEachOfThemIs()
    {
        object[] texts = [.. Enumerable.Range(0, 30).Select(i => $"t{i}")];
        Check(DataKind.Integer, [.. Integers.Cast<object>(), null], [.. Numbers.Cast<object>(), 3L, long.MaxValue]);
        Check(DataKind.Integer, [.. Integers.Cast<object>(), null], Decimals.Cast<object>());
        Check(DataKind.Number, [.. Numbers.Cast<object>(), double.NaN, null], [.. Numbers.Skip(4).Cast<object>(), double.NaN, 1L, 2]);
        Check(DataKind.Text, [.. texts.Take(20), "", null], [.. texts.Skip(10), "none"]);
        Check(DataKind.Boolean, [true, false, null], Enumerable.Repeat<object>(false, 20));
        Check(DataKind.Date, [DateTimeOffset.UnixEpoch, DateTimeOffset.MaxValue, null], [.. Enumerable.Range(0, 20).Select(i => (object)DateTimeOffset.UnixEpoch.AddDays(i))]);
        foreach (var (kind, wrong) in ((DataKind, object)[])[(DataKind.Integer, "1"), (DataKind.Integer, double.NaN), (DataKind.Number, "1"), (DataKind.Text, 1), (DataKind.Boolean, 0), (DataKind.TextArray, "a")])
        {
            Assert.That(() => Evaluate(kind, [null], Filter.In("f", Enumerable.Repeat(wrong, 20))), Throws.ArgumentException.With.Message.Contains("cannot compare"), $"{kind}");
        }

        static void Check(DataKind kind, object?[] values, IEnumerable<object> wanted) =>
            Assert.That(Evaluate(kind, values, Filter.In("f", wanted)), Is.EqualTo(Evaluate(kind, values, Filter.Or(wanted.Select(value => Filter.Equal("f", value))))).And.Contains(true).And.Contains(false), $"{kind}");
    }

    /// <summary>Each record is looked at once, not once for each value.</summary>
    [Test]
    public void ManyValuesTakeOnePass([Values(DataKind.Integer, DataKind.Number, DataKind.Text)] DataKind kind)
    {
        object Value(int i) => kind switch { DataKind.Integer => (long)i, DataKind.Number => (double)i, _ => $"t{i}" };
        var column = Column(kind, [.. Enumerable.Range(0, 100_000).Select(i => Value(i % 5_000))], null, "f");
        var filter = Filter.In("f", Enumerable.Range(1_000, 3_000).Select(Value));
        var before = GC.GetAllocatedBytesForCurrentThread();
        var bits = column.Evaluate(filter, 100_000);
        Assert.That(GC.GetAllocatedBytesForCurrentThread() - before, Is.LessThan(1 << 20), "a set of records for each value would be 37 MB");
        Assert.That(FilterBits.Count(bits), Is.EqualTo(60_000));
    }

    /// <summary>Texts that no record has any more are neither kept nor compared with, and what has their numbers then is found as what it is.</summary>
    [Test]
    public void TextsThatNoRecordHasAreForgotten()
    {
        const int Slots = 64;
        var column = Column(DataKind.Text, new object?[Slots], null, "f");
        var values = new string?[Slots];
        var random = new Random(5);
        for (var i = 0; i < 50_000; i++)
        {
            var slot = random.Next(Slots);
            values[slot] = random.Next(4) switch { 0 => null, 1 => $"common{random.Next(5)}", _ => $"text{i}" };
            column.Set(slot, values[slot]);
        }

        foreach (var text in values.Append("common0").Append("text").Distinct())
        {
            Assert.That(Found(Filter.Equal("f", text)), Is.EqualTo(values.Select(value => value == text)), text);
        }

        Assert.That(Found(Filter.StartsWith("f", "common")), Is.EqualTo(values.Select(value => value?.StartsWith("common", StringComparison.Ordinal) == true)).And.Contains(true));
        var before = GC.GetAllocatedBytesForCurrentThread();
        column.Evaluate(Filter.StartsWith("f", "common"), Slots);
        Assert.That(GC.GetAllocatedBytesForCurrentThread() - before, Is.LessThan(2_000), "a mark for each text that there is");

        IEnumerable<bool> Found(Filter filter)
        {
            var bits = column.Evaluate(filter, Slots);
            return Enumerable.Range(0, Slots).Select(slot => Bit(bits, slot));
        }
    }

    /// <summary>Against the angle between unit vectors, from pole to pole.</summary>
    [Test]
    public void PlacesLieWithinARadius()
    {
        var random = new Random(7);
        List<(double Latitude, double Longitude)> places = [(90, 0), (-90, 0), (0, 180), (0, -180), (60, 10), (60, 11), (-33.3, -146.6), (-87.5, -1.7)];
        places.AddRange(Enumerable.Range(0, 200).Select(_ => ((random.NextDouble() * 180) - 90, (random.NextDouble() * 360) - 180)));
        var latitudes = Column(DataKind.Number, [.. places.Select(place => (object?)place.Latitude)], null, "lat");
        var longitudes = Column(DataKind.Number, [.. places.Select(place => (object?)place.Longitude)], null, "lon");
        var schema = new CollectionSchema(1, "c", new CollectionDefinition { Data = [new DataField("lat", DataKind.Number) { IsIndexed = true }, new DataField("lon", DataKind.Number) { IsIndexed = true }] });
        foreach (var (latitude, longitude) in places.Take(40).Append((87.5, 178.3))) // opposite to the place above
        {
            foreach (var share in (double[])[0, 0.01, 0.3, 0.5, 0.99, 1])
            {
                var metres = share * Math.PI * Filter.EarthRadius;
                var bits = FilterEvaluator.Evaluate(Filter.WithinRadius("lat", "lon", latitude, longitude, metres), schema, [latitudes, longitudes], places.Count);
                for (var i = 0; i < places.Count; i++)
                {
                    var distance = Angle(places[i], (latitude, longitude)) * Filter.EarthRadius;
                    Assert.That(Math.Abs(distance - metres) < 1 || Bit(bits, i) == distance < metres, $"{places[i]} from {(latitude, longitude)}: {distance} and {metres}");
                    Assert.That(share < 1 || Bit(bits, i), "all lie within half of the circumference");
                }
            }
        }

        static double Angle((double Latitude, double Longitude) a, (double Latitude, double Longitude) b)
        {
            var (p, q) = (Unit(a), Unit(b));
            var cross = Math.Sqrt(Math.Pow((p.Y * q.Z) - (p.Z * q.Y), 2) + Math.Pow((p.Z * q.X) - (p.X * q.Z), 2) + Math.Pow((p.X * q.Y) - (p.Y * q.X), 2));
            return Math.Atan2(cross, (p.X * q.X) + (p.Y * q.Y) + (p.Z * q.Z));
        }

        static (double X, double Y, double Z) Unit((double Latitude, double Longitude) place)
        {
            var (latitude, longitude) = (place.Latitude * Math.PI / 180, place.Longitude * Math.PI / 180);
            return (Math.Cos(latitude) * Math.Cos(longitude), Math.Cos(latitude) * Math.Sin(longitude), Math.Sin(latitude));
        }
    }

    [Test]
    public void APlaceThatLacksAnAngleIsNowhere()
    {
        var schema = new CollectionSchema(1, "c", new CollectionDefinition { Data = [new DataField("lat", DataKind.Number) { IsIndexed = true }, new DataField("lon", DataKind.Number) { IsIndexed = true }] });
        var bits = FilterEvaluator.Evaluate(Filter.WithinRadius("lat", "lon", 0, 0, Math.PI * Filter.EarthRadius), schema, [Column(DataKind.Number, [null, 1.0, 1.0], 0.0, "lat"), Column(DataKind.Number, [1.0, null, 1.0], 0.0, "lon")], 3);
        Assert.That((Bit(bits, 0), Bit(bits, 1), Bit(bits, 2)), Is.EqualTo((false, false, true)));
    }

    private static void Check(DataKind kind, object?[] values, Filter filter, Func<object, int> compare)
    {
        var found = Evaluate(kind, values, filter);
        for (var i = 0; i < values.Length; i++)
        {
            var sign = compare(values[i]!);
            var expected = filter.Operator switch
            {
                FilterOperator.Equal => sign == 0,
                FilterOperator.NotEqual => sign != 0,
                FilterOperator.LessThan => sign < 0,
                FilterOperator.LessThanOrEqual => sign <= 0,
                FilterOperator.GreaterThan => sign > 0,
                _ => sign >= 0,
            };
            Assert.That(found[i], Is.EqualTo(expected), string.Create(CultureInfo.InvariantCulture, $"{values[i]} {filter}"));
        }
    }

    // Exactly, where a number of 64 bits cannot tell whole numbers apart.
    private static int Compare(long value, object operand) => operand switch
    {
        long integer => value.CompareTo(integer),
        decimal exact => ((decimal)value).CompareTo(exact),
        double number when number >= Beyond => -1,
        double number when number < -Beyond => 1,
        double number => value.CompareTo((long)Math.Floor(number)) is var sign and not 0 ? sign : number > Math.Floor(number) ? -1 : 0,
        _ => throw new ArgumentException("A whole number or a number was expected.", nameof(operand)),
    };

    private static bool[] Evaluate(DataKind kind, object?[] values, Filter filter, object? before = null)
    {
        var schema = new CollectionSchema(1, "c", new CollectionDefinition { Data = [new DataField("f", kind) { IsIndexed = true }] });
        var bits = FilterEvaluator.Evaluate(filter, schema, [Column(kind, values, before, "f")], values.Length);
        return [.. values.Select((_, i) => Bit(bits, i))];
    }

    private static FieldColumn Column(DataKind kind, object?[] values, object? before, string name)
    {
        var column = FieldColumn.Of(new DataField(name, kind) { IsIndexed = true });
        column.Grow((values.Length + 16383) & ~16383);
        for (var i = 0; i < values.Length; i++)
        {
            column.Set(i, before);
            column.Set(i, values[i]);
        }

        return column;
    }

    private static bool Bit(ulong[] bits, int slot) => (bits[slot >> 6] >> (slot & 63) & 1) != 0;
}
