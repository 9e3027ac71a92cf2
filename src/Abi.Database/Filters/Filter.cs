using System.Collections.Immutable;
using System.Globalization;
using System.Linq.Expressions;
using Abi.Database.Filters;

namespace Abi.Database;

/// <summary>
/// Which records count, by their indexed data fields. Filters are evaluated inside a search, before it looks for neighbours, so that a search finds its k records whenever so many match.
/// </summary>
/// <remarks>
/// A field without a value equals null only, differs from every value, and is neither less nor greater than any. Texts compare by the numbers of their characters. Immutable.
/// </remarks>
public sealed class Filter
{
    private Filter(FilterOperator @operator, string? field, ImmutableArray<object?> values, ImmutableArray<Filter> operands)
    {
        Operator = @operator;
        Field = field;
        Values = values;
        Operands = operands;
    }

    /// <summary>The deepest that filters may be nested.</summary>
    public const int MaximumDepth = 64;

    /// <summary>The Earth's mean radius, in metres.</summary>
    public const double EarthRadius = 6_371_008.8;

    /// <summary>What it does.</summary>
    public FilterOperator Operator { get; }

    /// <summary>The field that it looks at; null for <see cref="FilterOperator.And"/>, <see cref="FilterOperator.Or"/> and <see cref="FilterOperator.Not"/>.</summary>
    public string? Field { get; }

    /// <summary>What the field is compared with. For <see cref="FilterOperator.WithinRadius"/>: the field of the longitude, latitude, longitude, metres.</summary>
    public ImmutableArray<object?> Values { get; }

    /// <summary>The filters that it joins.</summary>
    public ImmutableArray<Filter> Operands { get; }

    /// <summary>A condition on records of any type, such as <c>note => note.Stars >= 3</c>, as a filter. Values are taken as they are now.</summary>
    /// <param name="condition">The condition; its one parameter is the record.</param>
    /// <param name="fieldOf">The field that a property of the record, or an entry of a dictionary (<c>record["stars"]</c>), stands for; null when it is none.</param>
    /// <exception cref="ArgumentException">The condition has a form that no filter has.</exception>
    public static Filter Where(LambdaExpression condition, Func<string, string?> fieldOf)
    {
        ArgumentNullException.ThrowIfNull(condition);
        ArgumentNullException.ThrowIfNull(fieldOf);
        return new FilterTranslator(fieldOf).Translate(condition);
    }

    /// <summary>The field has this value; null: it has none.</summary>
    public static Filter Equal(string field, object? value) => Make(FilterOperator.Equal, field, value);

    /// <summary>The field has another value or none; null: it has any.</summary>
    public static Filter NotEqual(string field, object? value) => Make(FilterOperator.NotEqual, field, value);

    /// <summary>The field's value is less.</summary>
    public static Filter LessThan(string field, object value) => Make(FilterOperator.LessThan, field, value);

    /// <summary>The field's value is less or equal.</summary>
    public static Filter LessThanOrEqual(string field, object value) => Make(FilterOperator.LessThanOrEqual, field, value);

    /// <summary>The field's value is greater.</summary>
    public static Filter GreaterThan(string field, object value) => Make(FilterOperator.GreaterThan, field, value);

    /// <summary>The field's value is greater or equal.</summary>
    public static Filter GreaterThanOrEqual(string field, object value) => Make(FilterOperator.GreaterThanOrEqual, field, value);

    /// <summary>The field's value is one of these.</summary>
    public static Filter In(string field, params IEnumerable<object> values)
    {
        ArgumentNullException.ThrowIfNull(values);
        return new(FilterOperator.In, Name(field), [.. values], []);
    }

    /// <summary>The field, an array, has this element; or the field, a text, has this part.</summary>
    public static Filter Contains(string field, object value) => Make(FilterOperator.Contains, field, value);

    /// <summary>The field, a text, begins with this.</summary>
    public static Filter StartsWith(string field, string prefix) => Make(FilterOperator.StartsWith, field, prefix);

    /// <summary>The field has a value.</summary>
    public static Filter Exists(string field) => new(FilterOperator.Exists, Name(field), [], []);

    /// <summary>The place that two number fields give (degrees) lies within a distance of another, on a sphere of the Earth's mean radius.</summary>
    /// <param name="latitudeField">The field of the latitude.</param>
    /// <param name="longitudeField">The field of the longitude.</param>
    /// <param name="latitude">The centre's latitude, in degrees.</param>
    /// <param name="longitude">The centre's longitude, in degrees.</param>
    /// <param name="metres">The distance.</param>
    public static Filter WithinRadius(string latitudeField, string longitudeField, double latitude, double longitude, double metres) =>
        new(FilterOperator.WithinRadius, Name(latitudeField), [Name(longitudeField), latitude, longitude, metres], []);

    /// <summary>All of these hold; of none, everything does.</summary>
    public static Filter And(params IEnumerable<Filter> filters)
    {
        ArgumentNullException.ThrowIfNull(filters);
        return new(FilterOperator.And, null, [], [.. filters]);
    }

    /// <summary>At least one of these holds; of none, nothing does.</summary>
    public static Filter Or(params IEnumerable<Filter> filters)
    {
        ArgumentNullException.ThrowIfNull(filters);
        return new(FilterOperator.Or, null, [], [.. filters]);
    }

    /// <summary>The filter does not hold.</summary>
    public static Filter Not(Filter filter)
    {
        ArgumentNullException.ThrowIfNull(filter);
        return new(FilterOperator.Not, null, [], [filter]);
    }

    /// <inheritdoc/>
    public override string ToString() => Operator switch
    {
        FilterOperator.And or FilterOperator.Or => $"({string.Join($" {Operator} ", Operands)})",
        FilterOperator.Not => $"Not({Operands[0]})",
        _ => $"{Operator}({string.Join(", ", Values.Select(value => Convert.ToString(value, CultureInfo.InvariantCulture)).Prepend(Field))})",
    };

    private static Filter Make(FilterOperator @operator, string field, object? value) => new(@operator, Name(field), [value], []);

    private static string Name(string field)
    {
        ArgumentException.ThrowIfNullOrEmpty(field);
        return field;
    }
}
