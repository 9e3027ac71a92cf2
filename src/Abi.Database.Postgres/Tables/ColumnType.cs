using NpgsqlTypes;

namespace Abi.Database.Postgres.Tables;

/// <summary>The type of a column.</summary>
/// <param name="Sql">In the definition of a table.</param>
/// <param name="Element">Of a parameter that holds one value, or one element where the column is an array.</param>
internal sealed record ColumnType(string Sql, NpgsqlDbType Element)
{
    public static ColumnType Of(KeyKind kind) => kind switch
    {
        KeyKind.Text => Text,
        KeyKind.Guid => new ColumnType("uuid", NpgsqlDbType.Uuid),
        _ => Integer,
    };

    public static ColumnType Of(DataKind kind) => kind switch
    {
        DataKind.Boolean => new ColumnType("boolean", NpgsqlDbType.Boolean),
        DataKind.Integer => Integer,
        DataKind.Number => new ColumnType("double precision", NpgsqlDbType.Double),
        DataKind.Text => Text,
        DataKind.Date => new ColumnType("timestamp with time zone", NpgsqlDbType.TimestampTz),
        DataKind.IntegerArray => new ColumnType("bigint[]", NpgsqlDbType.Bigint),
        DataKind.NumberArray => new ColumnType("double precision[]", NpgsqlDbType.Double),
        _ => new ColumnType("text[]", NpgsqlDbType.Text),
    };

    // In the order of the characters' numbers, as filters compare.
    private static ColumnType Text { get; } = new("text COLLATE \"C\"", NpgsqlDbType.Text);

    private static ColumnType Integer { get; } = new("bigint", NpgsqlDbType.Bigint);
}
