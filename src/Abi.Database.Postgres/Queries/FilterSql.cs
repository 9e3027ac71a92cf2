using Abi.Database.Filters;
using Abi.Database.Postgres.Tables;
using Abi.Database.Records;
using NpgsqlTypes;

namespace Abi.Database.Postgres.Queries;

/// <summary>
/// Filters as conditions of SQL. A field without a value makes a comparison null, which counts as false; <c>Not</c> makes true of both, so that a filter means what it means in memory while the
/// comparisons stay plain enough for indexes.
/// </summary>
internal sealed class FilterSql(CollectionTable table, StatementParameters parameters)
{
    /// <summary>The condition that records have not expired, and match.</summary>
    public string Where(Filter? filter) => filter is null ? table.Living : $"{table.Living} AND {Condition(filter, 0)}";

    private string Condition(Filter filter, int depth)
    {
        if (depth > Filter.MaximumDepth)
        {
            throw new ArgumentException($"The filter is nested more than {Filter.MaximumDepth} deep.");
        }

        switch (filter.Operator)
        {
            case FilterOperator.And:
                return filter.Operands.IsEmpty ? "true" : $"({string.Join(" AND ", filter.Operands.Select(operand => Condition(operand, depth + 1)))})";
            case FilterOperator.Or:
                return filter.Operands.IsEmpty ? "false" : $"({string.Join(" OR ", filter.Operands.Select(operand => Condition(operand, depth + 1)))})";
            case FilterOperator.Not:
                return $"({Condition(filter.Operands[0], depth + 1)}) IS NOT TRUE";
            case FilterOperator.WithinRadius:
                return WithinRadius(filter);
            default:
                var field = table.Collection.FilterIndex(filter.Field!);
                return OfField(filter, table.Collection.Data[field], table.Data[field], table.DataTypes[field].Element);
        }
    }

    private string OfField(Filter filter, DataField field, string column, NpgsqlDbType type)
    {
        var value = filter.Values.IsEmpty ? null : filter.Values[0];
        switch (filter.Operator)
        {
            case FilterOperator.Exists:
            case FilterOperator.NotEqual when value is null:
                return $"{column} IS NOT NULL";
            case FilterOperator.Equal when value is null:
                return $"{column} IS NULL";
            case FilterOperator.NotEqual:
                return $"({Compare(FilterOperator.Equal, filter, field, column, type, value)}) IS NOT TRUE";
            case FilterOperator.In:
                return In(filter, field, column, type);
            default:
                return Compare(filter.Operator, filter, field, column, type, value);
        }
    }

    // All values are one parameter, of which a statement has 65,535 at the most; whole numbers against others, and what cannot be compared, go one by one.
    private string In(Filter filter, DataField field, string column, NpgsqlDbType type)
    {
        List<object> together = [];
        List<string> conditions = [];
        foreach (var value in filter.Values)
        {
            if (field.Kind is DataKind.Boolean or DataKind.Integer or DataKind.Number or DataKind.Date or DataKind.Text && RecordValues.Convert(field.Kind, value) is { } converted and not double.NaN)
            {
                together.Add(converted);
            }
            else
            {
                conditions.Add(Compare(FilterOperator.Equal, filter, field, column, type, value));
            }
        }

        if (together.Count > 0)
        {
            conditions.Add($"{column} = ANY({parameters.Add(WriteStatements.Column(field.Kind, [.. together]), NpgsqlDbType.Array | type)})");
        }

        return conditions.Count == 0 ? "false" : $"({string.Join(" OR ", conditions)})";
    }

    private string Compare(FilterOperator @operator, Filter filter, DataField field, string column, NpgsqlDbType type, object? value)
    {
        var isArray = field.Kind is DataKind.IntegerArray or DataKind.NumberArray or DataKind.TextArray;
        var sign = @operator switch
        {
            FilterOperator.Equal => "=",
            FilterOperator.LessThan => "<",
            FilterOperator.LessThanOrEqual => "<=",
            FilterOperator.GreaterThan => ">",
            FilterOperator.GreaterThanOrEqual => ">=",
            _ => null,
        };
        if (isArray ? @operator != FilterOperator.Contains : sign is null && field.Kind != DataKind.Text)
        {
            throw Mismatch(filter, field, value);
        }

        if (RecordValues.Convert(field.Kind, value) is not { } converted)
        {
            return field.Kind == DataKind.Integer && sign is not null && value is decimal ? $"{column} {sign} {parameters.Add(value, NpgsqlDbType.Numeric)}" // exactly, as the next ones
                : field.Kind == DataKind.Integer && RecordValues.Convert(DataKind.Number, value) is double number && !double.IsNaN(number)
                ? CompareInteger(@operator, column, number)
                : throw Mismatch(filter, field, value);
        }

        if (isArray)
        {
            return $"{column} @> ARRAY[{parameters.Add(converted, type)}]";
        }

        if (sign is null)
        {
            return @operator == FilterOperator.StartsWith ? $"starts_with({column}, {parameters.Add(converted, type)})" : $"strpos({column}, {parameters.Add(converted, type)}) > 0";
        }

        return converted switch
        {
            // PostgreSQL has not-a-number equal to itself and greater than all; here it compares with nothing.
            double.NaN => "false",
            double when @operator is FilterOperator.GreaterThan or FilterOperator.GreaterThanOrEqual => $"({column} {sign} {parameters.Add(converted, type)} AND {column} <> 'NaN')",
            DateTimeOffset date => $"{column} {sign} {parameters.Add(DateValue.ToParameter(date), type)}",
            _ => $"{column} {sign} {parameters.Add(converted, type)}",
        };
    }

    // Whole numbers against one that is between two of them, or beyond all: exactly, without making floats of them.
    private string CompareInteger(FilterOperator @operator, string column, double number)
    {
        const double Beyond = 9_223_372_036_854_775_808; // 2^63
        var isWhole = number == Math.Floor(number);
        if (number is >= Beyond or < -Beyond)
        {
            var isBelow = number > 0; // what every whole number is
            return @operator switch
            {
                FilterOperator.Equal => "false",
                FilterOperator.LessThan or FilterOperator.LessThanOrEqual => isBelow ? $"{column} IS NOT NULL" : "false",
                _ => isBelow ? "false" : $"{column} IS NOT NULL",
            };
        }

        return @operator switch
        {
            FilterOperator.Equal => isWhole ? $"{column} = {Whole(number)}" : "false",
            FilterOperator.LessThan => isWhole ? $"{column} < {Whole(number)}" : $"{column} <= {Whole(Math.Floor(number))}",
            FilterOperator.LessThanOrEqual => $"{column} <= {Whole(Math.Floor(number))}",
            FilterOperator.GreaterThan => isWhole ? $"{column} > {Whole(number)}" : $"{column} > {Whole(Math.Floor(number))}",
            _ => isWhole ? $"{column} >= {Whole(number)}" : $"{column} > {Whole(Math.Floor(number))}",
        };
    }

    private string Whole(double number) => parameters.Add((long)number, NpgsqlDbType.Bigint);

    private string WithinRadius(Filter filter)
    {
        var (latitudeAt, longitudeAt) = (table.Collection.FilterIndex(filter.Field!), table.Collection.FilterIndex((string)filter.Values[0]!));
        if (table.Collection.Data[latitudeAt].Kind != DataKind.Number || table.Collection.Data[longitudeAt].Kind != DataKind.Number)
        {
            throw new ArgumentException($"WithinRadius needs two fields of kind Number; '{filter.Field}' and '{filter.Values[0]}' are not.");
        }

        var (latitudes, longitudes) = (table.Data[latitudeAt], table.Data[longitudeAt]);
        var (latitude, longitude, metres) = ((double)filter.Values[1]!, (double)filter.Values[2]!, (double)filter.Values[3]!);
        if (!double.IsFinite(latitude) || !double.IsFinite(longitude) || double.IsNaN(metres))
        {
            return "false"; // as no place is near nowhere
        }

        // PostgreSQL has no sine of what is not finite.
        var (φ, λ) = (parameters.Add(latitude, NpgsqlDbType.Double), parameters.Add(longitude, NpgsqlDbType.Double));
        var haversine = $"power(sin(radians({latitudes} - {φ}) / 2), 2) + cos(radians({latitudes})) * cos(radians({φ})) * power(sin(radians({longitudes} - {λ}) / 2), 2)";
        var isFinite = string.Join(" AND ", new[] { latitudes, longitudes }.Select(column => $"{column} > '-Infinity' AND {column} < 'Infinity'"));
        return $"CASE WHEN {isFinite} THEN 2 * {parameters.Add(Filter.EarthRadius, NpgsqlDbType.Double)} * asin(least(1, sqrt({haversine}))) <= {parameters.Add(metres, NpgsqlDbType.Double)} END";
    }

    private static ArgumentException Mismatch(Filter filter, DataField field, object? value) =>
        new($"The filter {filter.Operator} cannot compare the field '{field.Name}' ({field.Kind}) with {(value is null ? "null" : $"'{value}' ({value.GetType().Name})")}.");
}
