using System.Collections.Frozen;
using System.Linq.Expressions;
using Abi.Database.Filters;

namespace Abi.Database.Tests.Filters;

/// <summary>Conditions written as C#, and the filters that they become.</summary>
public sealed class FilterTranslatorTests
{
    [Test]
    public void ComparisonsAreWrittenEitherWayRound()
    {
        var three = 3; // out of the closure; other values are constants
        Check(r => r.N == three, Filter.Equal("N", 3));
        Check(r => r.N != three, Filter.NotEqual("N", 3));
        Check(r => r.N < three, Filter.LessThan("N", 3));
        Check(r => r.N <= three, Filter.LessThanOrEqual("N", 3));
        Check(r => r.N > three, Filter.GreaterThan("N", 3));
        Check(r => r.N >= three, Filter.GreaterThanOrEqual("N", 3));
        Check(r => 4 == r.N, Filter.Equal("N", 4));
        Check(r => 4 != r.N, Filter.NotEqual("N", 4));
        Check(r => 4 < r.N, Filter.GreaterThan("N", 4));
        Check(r => 4 <= r.N, Filter.GreaterThanOrEqual("N", 4));
        Check(r => 4 > r.N, Filter.LessThan("N", 4));
        Check(r => 4 >= r.N, Filter.LessThanOrEqual("N", 4));
        Check(r => r.Maybe!.Value > three && !(r.IsDone || r.N == 1), Filter.And(Filter.GreaterThan("Maybe", 3), Filter.Not(Filter.Or(Filter.Equal("IsDone", true), Filter.Equal("N", 1)))));
    }

    [Test]
    public void WhatIsNoFilterIsRefused()
    {
        foreach (var condition in (Expression<Func<Thing, bool>>[])[r => r.N + 1 > 3, r => "abc".Contains(r.Name), r => "".Contains(r.Name), r => r.N > r.Other, r => r.IsDone & r.N > 1, r => r.Hidden == 1])
        {
            Assert.That(() => Translate(condition), Throws.ArgumentException.With.Message.Contains("cannot become a filter"), condition.ToString());
        }
    }

    [Test]
    public void WhatIsKnownBeforehandHoldsForAllOrForNone()
    {
        var (isWanted, options) = (true, new { IsAll = false });
        Check(r => true, Filter.And());
        Check(r => isWanted && r.N > 3, Filter.And(Filter.And(), Filter.GreaterThan("N", 3)));
        Check(r => options.IsAll || !isWanted || r.N > 3, Filter.Or(Filter.Or(), Filter.Not(Filter.And()), Filter.GreaterThan("N", 3)));
    }

    [Test]
    public void PropertiesMayBeThoseOfAnInterface()
    {
        Assert.That(Of<Thing>().ToString(), Is.EqualTo(Filter.GreaterThan("N", 3).ToString()));

        static Filter Of<T>()
            where T : class, INumbered
        {
            Expression<Func<T, bool>> condition = r => r.N > 3; // of ((INumbered)r)
            return Translate(condition);
        }
    }

    [Test]
    public void WhatIsNoConditionIsRefused()
    {
        foreach (var condition in (LambdaExpression[])[(Thing r) => r.N, () => true, (Thing r, Thing other) => other.N > 3, (Thing r) => r.IsDone ? 1 : 0])
        {
            Assert.That(() => Filter.Where(condition, name => name), Throws.ArgumentException.With.Message.Contains("one parameter"), condition.ToString());
        }
    }

    [Test]
    public void WhatAValueThrowsIsThrown()
    {
        List<int> none = [];
        Assert.That(() => Translate((Expression<Func<Thing, bool>>)(r => r.N > none.First())), Throws.InvalidOperationException);
    }

    /// <summary>For a collection it equals itself.</summary>
    [Test]
    public void WhatIsNotANumberIsRefusedAmongValues()
    {
        double[] numbers = [1, double.NaN];
        float?[] singles = [null, float.NaN];
        Half[] halves = [Half.NaN];
        foreach (var condition in (Expression<Func<Thing, bool>>[])[r => numbers.Contains(r.Price), r => singles.Contains((float?)r.Share), r => halves.Contains(r.Share)])
        {
            Assert.That(() => Translate(condition), Throws.ArgumentException.With.Message.Contains("not a number"), condition.ToString());
        }
    }

    [Test]
    public void ConversionsThatLoseNothingAreSeenThrough()
    {
        var (tenth, letter, wide) = (0.1, (byte)7, 1L << 40);
        Check(r => r.N > tenth, Filter.GreaterThan("N", 0.1));
        Check(r => r.N == wide, Filter.Equal("N", 1L << 40));
        Check(r => r.N == letter, Filter.Equal("N", 7));
        Check(r => r.Maybe == letter, Filter.Equal("Maybe", 7));
        Check(r => r.Day == DayOfWeek.Friday, Filter.Equal("Day", 5));
        Check(r => checked((long)r.N) == wide, Filter.Equal("N", 1L << 40));
        foreach (var condition in (Expression<Func<Thing, bool>>[])[r => (int)r.Price == 3, r => (float)r.Price == 0.1f, r => r.Price > (float)tenth, r => r.N == (int)tenth, r => r.Maybe == (int?)tenth, r => (byte)r.N == letter, r => r.N == checked((int)wide), r => (uint)r.N > 5u, r => (ulong)r.N > 5ul, r => checked((uint)r.N) == letter, r => (decimal)r.Price == 0.1m, r => (int)r.Share == 0, r => (Half)r.N == (Half)0.5, r => (decimal)r.Share == 0.1m])
        {
            Assert.That(() => Translate(condition), Throws.ArgumentException.With.Message.Contains("may lose"), condition.ToString());
        }
    }

    /// <summary>Of a value that is known it is seen whether it loses anything.</summary>
    [Test]
    public void ConversionsOfKnownValuesThatKeepThemAreSeenThrough()
    {
        var (index, negative, half, three, day, none) = (7, -1, 0.5, 3.0, DayOfWeek.Friday, (int?)null);
        Check(r => r.Count == (uint)index, Filter.Equal("Count", 7));
        Check(r => (uint)index == r.Count, Filter.Equal("Count", 7));
        Check(r => r.Count > (uint)day, Filter.GreaterThan("Count", 5));
        Check(r => r.Count == (uint?)none, Filter.Equal("Count", null));
        Check(r => r.N == (int)three, Filter.Equal("N", 3));
        Check(r => r.Price > (float)half, Filter.GreaterThan("Price", 0.5));
        foreach (var condition in (Expression<Func<Thing, bool>>[])[r => r.Count == (uint)negative, r => r.Count == checked((uint)negative), r => r.N == (int)half])
        {
            Assert.That(() => Translate(condition), Throws.ArgumentException.With.Message.Contains("may lose"), condition.ToString());
        }
    }

    /// <summary>What C# does with a known value, which may depend on where the program runs, is done.</summary>
    [Test]
    public void KnownValuesAreConvertedAsTheConditionSays()
    {
        var (midnight, sum) = (new DateTime(2024, 7, 1), 0.1 + 0.2);
        Check(r => r.When > midnight, Filter.GreaterThan("When", new DateTimeOffset(midnight)));
        Check(r => r.Price == (double)(decimal)sum, Filter.Equal("Price", 0.3));
    }

    [Test]
    public void TextsAreComparedOrdinallyOrNotAtAll()
    {
        string[] names = ["a", "b"];
        Check(r => r.Name.StartsWith("ab", StringComparison.Ordinal), Filter.StartsWith("Name", "ab"));
        Check(r => r.Name.StartsWith('a'), Filter.StartsWith("Name", "a"));
        Check(r => r.Name.Contains("ab", StringComparison.Ordinal), Filter.Contains("Name", "ab"));
        Check(r => r.Name.Contains('a'), Filter.Contains("Name", "a"));
        Check(r => Enumerable.Contains(names, r.Name), Filter.In("Name", names));
        Check(r => Enumerable.Contains(names, r.Name, StringComparer.Ordinal), Filter.In("Name", names));
        HashSet<string> set = new(names, StringComparer.OrdinalIgnoreCase);
        var frozen = names.ToFrozenSet(StringComparer.OrdinalIgnoreCase);
        var sorted = new SortedSet<string>(names, StringComparer.OrdinalIgnoreCase);
        var numbers = names.ToDictionary(name => name, name => name.Length, StringComparer.OrdinalIgnoreCase);
        var plain = names.ToDictionary(name => name, name => name.Length);
        Check(r => plain.Keys.Contains(r.Name), Filter.In("Name", names));
        Check(r => new SortedDictionary<string, int>(plain).Keys.Contains(r.Name), Filter.In("Name", names));
        var linked = new LinkedList<string?>(["a", null]); // which does not tell how it compares either
        Check(r => linked.Contains(r.Name), Filter.Or(Filter.In("Name", "a"), Filter.Equal("Name", null)));
        foreach (var condition in (Expression<Func<Thing, bool>>[])[r => set.Contains(r.Name), r => frozen.Contains(r.Name), r => sorted.Contains(r.Name), r => numbers.Keys.Contains(r.Name), r => Enumerable.Contains(numbers.Keys, r.Name), r => r.Name.StartsWith("ab", StringComparison.OrdinalIgnoreCase), r => r.Name.Contains("ab", StringComparison.CurrentCulture),
            r => r.Name.StartsWith("ab", true, null), r => Enumerable.Contains(names, r.Name, StringComparer.OrdinalIgnoreCase)])
        {
            Assert.That(() => Translate(condition), Throws.ArgumentException.With.Message.Contains("StringComparison.Ordinal"), condition.ToString());
        }
    }

    [Test]
    public void EntriesOfDictionariesAreFields()
    {
        var name = "N";
        Check(r => (int)r[name]! > 3 && (string)r["Name"]! == "a", Filter.And(Filter.GreaterThan("N", 3), Filter.Equal("Name", "a")));
        Check(r => r["Name"] == null || (bool)r["IsDone"]!, Filter.Or(Filter.Equal("Name", null), Filter.Equal("IsDone", true)));
        Check(r => ((int?)r["Maybe"])!.Value < 3 && ((int?)r["Maybe"]).HasValue, Filter.And(Filter.LessThan("Maybe", 3), Filter.Exists("Maybe")));
        Check(r => ((string[])r["Tags"]!).Contains("x"), Filter.Contains("Tags", "x"));
        Assert.That(() => Translate((Expression<Func<Dictionary<string, object?>, bool>>)(r => (int)r["Hidden"]! == 1)), Throws.ArgumentException.With.Message.Contains("'Hidden' is no field"));

        static void Check(Expression<Func<Dictionary<string, object?>, bool>> condition, Filter expected) => Assert.That(Translate(condition).ToString(), Is.EqualTo(expected.ToString()), condition.ToString());
    }

    [Test]
    public void AnyOfTheElementsMayBeAmongValues()
    {
        string[] names = ["a", "b"];
        List<long> wide = [1, 1L << 40];
        var any = Filter.Or(Filter.Contains("Tags", "a"), Filter.Contains("Tags", "b"));
        Check(r => r.Tags.Any(tag => names.Contains(tag)), any);
        Check(r => r.Tags.Any(tag => names.ToHashSet().Contains(tag)), any);
        Check(r => r.Numbers.Any(number => wide.Contains(number)), Filter.Or(Filter.Contains("Numbers", 1L), Filter.Contains("Numbers", 1L << 40)));
        char[] letters = ['a', 'b'];
        Check(r => r.Name.Any(letter => letters.Contains(letter)), Filter.Or(Filter.Contains("Name", "a"), Filter.Contains("Name", "b")));
        Check(r => r.Tags.Any(tag => Array.Empty<string>().Contains(tag)), Filter.Or());
        var set = new HashSet<string>(names, StringComparer.OrdinalIgnoreCase);
        short[] narrow = [1];
        foreach (var condition in (Expression<Func<Thing, bool>>[])[r => r.Tags.Any(tag => set.Contains(tag)), r => r.Tags.Any(tag => tag == "a"), r => r.Tags.Any(), r => r.Tags.Any(tag => "abc".Contains(tag)), r => r.Tags.Any(tag => names.Contains(r.Name)), r => r.Numbers.Any(number => narrow.Contains((short)number))])
        {
            Assert.That(() => Translate(condition), Throws.ArgumentException.With.Message.Contains("cannot become a filter"), condition.ToString());
        }
    }

    /// <summary>However many conditions are joined, they are one beside another.</summary>
    [Test]
    public void ManyConditionsInARowAreOneLevel()
    {
        var record = Expression.Parameter(typeof(Thing));
        Expression[] conditions = [.. Enumerable.Range(0, 200).Select(i => Expression.Equal(Expression.Property(record, nameof(Thing.N)), Expression.Constant(i)))];
        Filter[] filters = [.. Enumerable.Range(0, 200).Select(i => Filter.Equal("N", i))];
        Assert.That(Translate(Expression.Lambda(conditions.Aggregate(Expression.OrElse), record)).ToString(), Is.EqualTo(Filter.Or(filters).ToString()));
        Assert.That(Translate(Expression.Lambda(conditions.Aggregate(Expression.AndAlso), record)).ToString(), Is.EqualTo(Filter.And(filters).ToString()));
        var nested = Enumerable.Range(0, 50_000).Aggregate(conditions[0], (inner, _) => Expression.Not(inner));
        Assert.That(() => Translate(Expression.Lambda(nested, record)), Throws.ArgumentException.With.Message.Contains("deep"));
    }

    private static void Check(Expression<Func<Thing, bool>> condition, Filter expected) => Assert.That(Translate(condition).ToString(), Is.EqualTo(expected.ToString()), condition.ToString());

    private static Filter Translate(LambdaExpression condition) => new FilterTranslator(name => name == nameof(Thing.Hidden) ? null : name).Translate(condition);

    private interface INumbered
    {
        int N { get; }
    }

    private sealed class Thing : INumbered
    {
        public int N { get; set; }

        public int Other { get; set; }

        public uint Count { get; set; }

        public int Hidden { get; set; }

        public string Name { get; set; } = "";

        public double Price { get; set; }

        public Half Share { get; set; }

        public DayOfWeek Day { get; set; }

        public int? Maybe { get; set; }

        public bool IsDone { get; set; }

        public DateTimeOffset When { get; set; }

        public List<string> Tags { get; set; } = [];

        public int[] Numbers { get; set; } = [];
    }
}
