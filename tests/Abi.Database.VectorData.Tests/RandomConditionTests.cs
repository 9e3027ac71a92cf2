using System.Linq.Expressions;
using Microsoft.Extensions.VectorData;

namespace Abi.Database.VectorData.Tests;

/// <summary>Random conditions, orders and pages find what LINQ finds in memory, or are refused.</summary>
public sealed class RandomConditionTests : StoreFixture
{
    private const int Records = 120;
    private const int Conditions = 200;

    private static readonly ParameterExpression Record = Expression.Parameter(typeof(Thing), "thing");
    private static readonly string[] Single = [nameof(Thing.Integer), nameof(Thing.MaybeInteger), nameof(Thing.Long), nameof(Thing.Number), nameof(Thing.MaybeNumber), nameof(Thing.Float), nameof(Thing.Price), nameof(Thing.Text), nameof(Thing.IsDone), nameof(Thing.Day), nameof(Thing.MaybeDay), nameof(Thing.Time), nameof(Thing.Date)];
    private static readonly string[] Arrays = [nameof(Thing.Tags), nameof(Thing.Numbers), nameof(Thing.Weights)];
    private static readonly string?[] Texts = [null, "", "a", "A", "ab", "b", "ß", "\U0001F600"];
    private static readonly DateTime Noon = new(2026, 11, 29, 12, 0, 0, DateTimeKind.Utc);

    private Random _random = null!;

    [Test]
    public async Task ARandomConditionFindsWhatItFindsInMemory([Values(1, 2, 3)] int seed)
    {
        _random = new Random(seed);
        var things = await MakeAsync<int, Thing>(Store);
        List<Thing> all = [.. Enumerable.Range(0, Records).Select(Make)];
        await things.UpsertAsync(all);
        var refused = 0;
        for (var i = 0; i < Conditions; i++)
        {
            var condition = Expression.Lambda<Func<Thing, bool>>(Condition(3), Record);
            List<int> found;
            try
            {
                found = await things.GetAsync(condition, Records).Select(thing => thing.Id).ToListAsync();
            }
            catch (NotSupportedException)
            {
                refused++;
                continue;
            }

            List<Thing> expected = [.. all.Where(condition.Compile())];
            Assert.That(found, Is.EquivalentTo(expected.Select(thing => thing.Id)), condition.ToString());
            var (by, skip, top) = (Enumerable.Range(0, 1 + _random.Next(3)).Select(_ => (Name: One([.. Single, nameof(Thing.Id)]), IsAscending: _random.Next(2) == 0)).ToList(), _random.Next(20), 1 + _random.Next(30));
            FilteredRecordRetrievalOptions<Thing> options = new()
            {
                Skip = skip,
                IncludeVectors = _random.Next(2) == 0,
                OrderBy = order => by.Aggregate(order, (so, one) => one.IsAscending ? so.Ascending(Selector(one.Name)) : so.Descending(Selector(one.Name))),
            };
            var page = await things.GetAsync(condition, top, options).Select(thing => thing.Id).ToListAsync();
            Assert.That(page, Is.EqualTo(InOrder(expected, by).Skip(skip).Take(top).Select(thing => thing.Id)), $"{string.Join(", ", by)}, {skip}, {top}");
        }

        Assert.That(refused, Is.LessThan(Conditions / 4));
    }

    private Expression Condition(int depth) => depth == 0 || _random.Next(5) == 0 ? Leaf() : _random.Next(3) switch
    {
        0 => Expression.Not(Condition(depth - 1)),
        1 => Expression.AndAlso(Condition(depth - 1), Condition(depth - 1)),
        _ => Expression.OrElse(Condition(depth - 1), Condition(depth - 1)),
    };

    private Expression Leaf()
    {
        switch (_random.Next(8))
        {
            case 0:
                return Expression.Property(Record, nameof(Thing.IsDone));
            case 1:
                return Expression.Property(Expression.Property(Record, One(nameof(Thing.MaybeInteger), nameof(Thing.MaybeNumber), nameof(Thing.MaybeDay))), nameof(Nullable<>.HasValue));
            case 2:
                var list = Expression.Property(Record, One(Arrays));
                return IsAmong(list, Held(Value(list.Type.GetElementType()!), list.Type.GetElementType()!));
            case 3:
                var property = Expression.Property(Record, One(Single));
                return IsAmong(Values(property.Type), property);
            case 4:
                var elements = Expression.Property(Record, One(Arrays));
                var element = Expression.Parameter(elements.Type.GetElementType()!, "element");
                return Expression.Call(typeof(Enumerable), nameof(Enumerable.Any), [element.Type], elements, Expression.Lambda(IsAmong(Values(element.Type), element), element));
            case 5:
                return Held(_random.Next(2) == 0, typeof(bool));
            default:
                return Comparison();
        }
    }

    // As the compiler writes them: an enumeration as its number, two numbers as the wider of both.
    private BinaryExpression Comparison()
    {
        Expression left = Expression.Property(Record, One(Single));
        var core = Nullable.GetUnderlyingType(left.Type) ?? left.Type;
        var (isNullable, wide) = (core != left.Type, core.IsEnum ? typeof(int) : core);
        var other = wide;
        if (!core.IsEnum && (wide == typeof(int) || wide == typeof(long) || wide == typeof(double)))
        {
            other = One(typeof(int), typeof(double), typeof(decimal));
            wide = other == typeof(decimal) && wide == typeof(double) ? One(typeof(double), typeof(decimal)) : other == typeof(int) ? wide : other; // of double and decimal the programmer chooses
        }

        var right = To(Held(Value(other), other), wide, isNullable);
        left = To(left, wide, isNullable);
        if (_random.Next(2) == 0)
        {
            (left, right) = (right, left);
        }

        return wide == typeof(string) || wide == typeof(bool)
            ? One<Func<Expression, Expression, BinaryExpression>>(Expression.Equal, Expression.NotEqual)(left, right)
            : One<Func<Expression, Expression, BinaryExpression>>(Expression.Equal, Expression.NotEqual, Expression.LessThan, Expression.LessThanOrEqual, Expression.GreaterThan, Expression.GreaterThanOrEqual)(left, right);
    }

    private static Expression To(Expression value, Type type, bool isNullable)
    {
        type = isNullable && type.IsValueType ? typeof(Nullable<>).MakeGenericType(type) : type;
        return value.Type == type ? value : Expression.Convert(value, type);
    }

    private static MethodCallExpression IsAmong(Expression values, Expression value) => Expression.Call(typeof(Enumerable), nameof(Enumerable.Contains), [value.Type], values, value);

    private Expression Values(Type type)
    {
        var values = Array.CreateInstance(type, _random.Next(4));
        for (var i = 0; i < values.Length; i++)
        {
            values.SetValue(Value(type), i);
        }

        return Held(_random.Next(2) == 0 ? values : Activator.CreateInstance(typeof(HashSet<>).MakeGenericType(type), [values]), _random.Next(2) == 0 ? typeof(IEnumerable<>).MakeGenericType(type) : typeof(IReadOnlyCollection<>).MakeGenericType(type));
    }

    // A constant, or what a variable of the method around holds.
    private Expression Held(object? value, Type type)
    {
        if (_random.Next(2) == 0)
        {
            return Expression.Constant(value, type);
        }

        var closure = Activator.CreateInstance(typeof(Closure<>).MakeGenericType(type))!;
        var field = closure.GetType().GetField(nameof(Closure<>.Value))!;
        field.SetValue(closure, value);
        return Expression.Field(Expression.Constant(closure), field);
    }

    private object? Value(Type type) =>
        Nullable.GetUnderlyingType(type) is { } core ? _random.Next(4) == 0 ? null : Value(core)
        : type == typeof(int) ? One(-1, 0, 1, 2, 16_777_217, int.MinValue, int.MaxValue)
        : type == typeof(long) ? One(-1, 0, 2, 1L << 52, long.MinValue, long.MaxValue)
        : type == typeof(double) ? One(-0.0, 0.1, 0.1f, 1, 2, 2.5, double.NegativeInfinity, double.PositiveInfinity)
        : type == typeof(float) ? One(0f, 0.1f, 1f, 2.5f)
        : type == typeof(decimal) ? One(-3m, 0m, 0.1m, 1m, 2.5m)
        : type == typeof(string) ? One(Texts)
        : type == typeof(bool) ? _random.Next(2) == 0
        : type == typeof(DayOfWeek) ? One(DayOfWeek.Sunday, DayOfWeek.Monday, DayOfWeek.Friday)
        : type == typeof(DateTime) ? Noon.AddHours(_random.Next(-2, 3))
        : DateOnly.FromDateTime(Noon.AddDays(_random.Next(-2, 3)));

    private T Value<T>() => (T)Value(typeof(T))!;

    private T One<T>(params T[] values) => values[_random.Next(values.Length)];

    private Thing Make(int id) => new()
    {
        Id = id,
        Integer = Value<int>(),
        MaybeInteger = Value<int?>(),
        Long = Value<long>(),
        Number = _random.Next(10) == 0 ? double.NaN : Value<double>(),
        MaybeNumber = Value<double?>(),
        Float = Value<float>(),
        Price = Value<decimal>(),
        Text = Value<string?>(),
        IsDone = Value<bool>(),
        Day = Value<DayOfWeek>(),
        MaybeDay = Value<DayOfWeek?>(),
        Time = Value<DateTime>(),
        Date = Value<DateOnly>(),
        Tags = [.. Enumerable.Range(0, _random.Next(4)).Select(_ => Value<string?>() ?? "")],
        Numbers = [.. Enumerable.Range(0, _random.Next(4)).Select(_ => Value<int>())],
        Weights = [.. Enumerable.Range(0, _random.Next(4)).Select(_ => Value<double>())],
        Place = new float[] { 1, id },
    };

    private static Expression<Func<Thing, object?>> Selector(string property) => Expression.Lambda<Func<Thing, object?>>(Expression.Convert(Expression.Property(Record, property), typeof(object)), Record);

    private static IEnumerable<Thing> InOrder(IEnumerable<Thing> things, List<(string Name, bool IsAscending)> by)
    {
        var values = Comparer<object?>.Create((x, y) => x is string one && y is string other ? string.CompareOrdinal(one, other) : Comparer<object?>.Default.Compare(x, y));
        var sorted = things.Order(Comparer<Thing>.Create((_, _) => 0));
        foreach (var (name, isAscending) in by)
        {
            var property = typeof(Thing).GetProperty(name)!;
            sorted = isAscending ? sorted.ThenBy(thing => property.GetValue(thing), values) : sorted.ThenByDescending(thing => property.GetValue(thing), values);
        }

        return sorted;
    }

    private sealed class Closure<T>
    {
        public T Value = default!;
    }

    internal sealed class Thing
    {
        [VectorStoreKey]
        public int Id { get; set; }

        [VectorStoreData(IsIndexed = true)]
        public int Integer { get; set; }

        [VectorStoreData(IsIndexed = true)]
        public int? MaybeInteger { get; set; }

        [VectorStoreData(IsIndexed = true)]
        public long Long { get; set; }

        [VectorStoreData(IsIndexed = true)]
        public double Number { get; set; }

        [VectorStoreData(IsIndexed = true)]
        public double? MaybeNumber { get; set; }

        [VectorStoreData(IsIndexed = true)]
        public float Float { get; set; }

        [VectorStoreData(IsIndexed = true)]
        public decimal Price { get; set; }

        [VectorStoreData(IsIndexed = true)]
        public string? Text { get; set; }

        [VectorStoreData(IsIndexed = true)]
        public bool IsDone { get; set; }

        [VectorStoreData(IsIndexed = true)]
        public DayOfWeek Day { get; set; }

        [VectorStoreData(IsIndexed = true)]
        public DayOfWeek? MaybeDay { get; set; }

        [VectorStoreData(IsIndexed = true)]
        public DateTime Time { get; set; }

        [VectorStoreData(IsIndexed = true)]
        public DateOnly Date { get; set; }

        [VectorStoreData(IsIndexed = true)]
        public string[] Tags { get; set; } = [];

        [VectorStoreData(IsIndexed = true)]
        public int[] Numbers { get; set; } = [];

        [VectorStoreData(IsIndexed = true)]
        public double[] Weights { get; set; } = [];

        [VectorStoreVector(2)]
        public ReadOnlyMemory<float> Place { get; set; }
    }
}
