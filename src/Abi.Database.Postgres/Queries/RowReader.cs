using Abi.Database.Postgres.Tables;
using Abi.Database.Records;
using Npgsql;

namespace Abi.Database.Postgres.Queries;

/// <summary>Rows as records are stored.</summary>
internal static class RowReader
{
    /// <summary>A row whose first columns are those of <see cref="CollectionTable.Select"/>.</summary>
    public static RecordValues Read(CollectionTable table, NpgsqlDataReader reader, bool withVectors)
    {
        var data = new object?[table.Data.Count];
        for (var i = 0; i < data.Length; i++)
        {
            data[i] = reader.IsDBNull(1 + i) ? null : Read(reader, 1 + i, table.Collection.Data[i].Kind);
        }

        var vectors = new ReadOnlyMemory<byte>[withVectors ? table.Vectors.Count : 0];
        for (var i = 0; i < vectors.Length; i++)
        {
            var at = 1 + data.Length + i;
            vectors[i] = reader.IsDBNull(at) ? default : table.Vectors[i].ToBytes(table.Vectors[i].IsBits ? reader.GetString(at) : reader.GetFieldValue<float[]>(at));
        }

        return new RecordValues(ReadKey(table, reader), data, vectors);
    }

    /// <summary>The key, in the first column.</summary>
    public static object ReadKey(CollectionTable table, NpgsqlDataReader reader) => table.Collection.Definition.Key switch
    {
        KeyKind.Text => reader.GetString(0),
        KeyKind.Guid => reader.GetGuid(0),
        _ => reader.GetInt64(0),
    };

    private static object Read(NpgsqlDataReader reader, int at, DataKind kind) => kind switch
    {
        DataKind.Boolean => reader.GetBoolean(at),
        DataKind.Integer => reader.GetInt64(at),
        DataKind.Number => reader.GetDouble(at),
        DataKind.Text => reader.GetString(at),
        DataKind.Date => new DateTimeOffset(reader.GetDateTime(at).Ticks, TimeSpan.Zero), // of whatever kind Npgsql says the infinities are
        DataKind.IntegerArray => reader.GetFieldValue<long[]>(at),
        DataKind.NumberArray => reader.GetFieldValue<double[]>(at),
        _ => reader.GetFieldValue<string[]>(at),
    };
}
