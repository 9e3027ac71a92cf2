using System.Globalization;
using Abi.Database.Postgres.Tables;
using Abi.Database.Records;
using Npgsql;
using NpgsqlTypes;

namespace Abi.Database.Postgres.Queries;

/// <summary>What changes the records of a table. Everything of a call is one transaction.</summary>
internal static class WriteStatements
{
    private const int RecordsOfAStatement = 1_000;
    private const int ElementsOfAStatement = 4 << 20; // of vectors: 16 MB
    private const int ExpiredOfAWrite = 1_000;

    /// <summary>Writes records, each key once, in place of those with the same keys.</summary>
    public static async Task<bool> UpsertAsync(NpgsqlConnection connection, CollectionTable table, IReadOnlyList<RecordValues> records, CancellationToken cancellationToken)
    {
        var batch = connection.CreateBatch();
        await using var _ = batch.ConfigureAwait(false);
        if (table.Expires is not null)
        {
            // Writes take some of what has expired away, so that nobody has to; what another does the same to is passed over.
            batch.BatchCommands.Add(new NpgsqlBatchCommand($"DELETE FROM {table.Name} WHERE {table.Key} IN (SELECT {table.Key} FROM {table.Name} WHERE {table.Expires} <= now() LIMIT {ExpiredOfAWrite} FOR UPDATE SKIP LOCKED)"));
        }

        var elements = Math.Max(1, table.Vectors.Sum(vector => vector.Field.Dimensions));
        foreach (var chunk in records.Chunk(Math.Clamp(ElementsOfAStatement / elements, 1, RecordsOfAStatement)))
        {
            var command = new NpgsqlBatchCommand();
            command.CommandText = Upsert(table, chunk, new StatementParameters(command.Parameters));
            batch.BatchCommands.Add(command);
        }

        await batch.ExecuteNonQueryAsync(cancellationToken).ConfigureAwait(false);
        return true;
    }

    /// <summary>Deletes the records with these keys.</summary>
    public static async Task<int> DeleteAsync(NpgsqlConnection connection, CollectionTable table, Array keys, CancellationToken cancellationToken)
    {
        var command = connection.CreateCommand();
        await using var _ = command.ConfigureAwait(false);
        command.CommandText = $"DELETE FROM {table.Name} WHERE {table.Key} = ANY({new StatementParameters(command.Parameters).Add(keys, table.KeysType)})";
        return await command.ExecuteNonQueryAsync(cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Deletes what has outlived its time.</summary>
    public static async Task<int> DeleteExpiredAsync(NpgsqlConnection connection, CollectionTable table, CancellationToken cancellationToken)
    {
        var command = connection.CreateCommand();
        await using var _ = command.ConfigureAwait(false);
        command.CommandText = $"DELETE FROM {table.Name} WHERE {table.Expires} <= now()";
        return await command.ExecuteNonQueryAsync(cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Keys as an array that a parameter can be.</summary>
    public static Array Keys(CollectionTable table, IEnumerable<object> keys) => table.Collection.Definition.Key switch
    {
        KeyKind.Text => keys.Cast<string>().ToArray(),
        KeyKind.Guid => keys.Cast<Guid>().ToArray(),
        _ => keys.Cast<long>().ToArray(),
    };

    private static string Upsert(CollectionTable table, RecordValues[] records, StatementParameters parameters)
    {
        List<(string Parameter, string Name)> source = [(parameters.Add(Keys(table, records.Select(record => record.Key)), table.KeysType), "k")];
        List<(string Column, string Value)> columns = [(table.Key, "r.k")];
        for (var i = 0; i < table.Data.Count; i++)
        {
            var field = table.Collection.Data[i];
            var name = string.Create(CultureInfo.InvariantCulture, $"d{i}");
            object?[] values = [.. records.Select(record => record.Data[i])];
            columns.Add((table.Data[i], field.Kind switch
            {
                DataKind.IntegerArray => Flat<long>(values, table.DataTypes[i].Element, parameters, source, name),
                DataKind.NumberArray => Flat<double>(values, table.DataTypes[i].Element, parameters, source, name),
                DataKind.TextArray => Flat<string>(values, table.DataTypes[i].Element, parameters, source, name),
                _ => Plain(Column(field.Kind, values), table.DataTypes[i].Element, parameters, source, name),
            }));
            if (table.Words[i] is { } words)
            {
                string[] written = [.. values.Select(value => WordVector.OfText((string?)value, field.Stemming))];
                columns.Add((words, $"{Plain(written, NpgsqlDbType.Text, parameters, source, $"{name}w")}::tsvector"));
            }
        }

        for (var i = 0; i < table.Vectors.Count; i++)
        {
            var vector = table.Vectors[i];
            var name = string.Create(CultureInfo.InvariantCulture, $"v{i}");
            object?[] values = [.. records.Select(record => record.Vectors[i].IsEmpty ? null : vector.ToParameter(record.Vectors[i]))];
            var value = vector.IsBits ? Plain(Array.ConvertAll(values, bits => (string?)bits), NpgsqlDbType.Text, parameters, source, name) : Flat<float>(values, NpgsqlDbType.Real, parameters, source, name);
            columns.Add((vector.Name, $"({value})::{vector.Type}"));
        }

        if (table.Expires is { } expires)
        {
            columns.Add((expires, $"now() + {parameters.Add(table.Collection.Definition.TimeToLive!.Value, NpgsqlDbType.Interval)}"));
        }

        var onConflict = columns.Count == 1 ? "NOTHING" : $"UPDATE SET {string.Join(", ", columns.Skip(1).Select(column => $"{column.Column} = EXCLUDED.{column.Column}"))}";
        return $"INSERT INTO {table.Name} ({string.Join(", ", columns.Select(column => column.Column))}) SELECT {string.Join(", ", columns.Select(column => column.Value))} "
            + $"FROM unnest({string.Join(", ", source.Select(item => item.Parameter))}) AS r({string.Join(", ", source.Select(item => item.Name))}) ON CONFLICT ({table.Key}) DO {onConflict}";
    }

    private static string Plain(Array values, NpgsqlDbType element, StatementParameters parameters, List<(string Parameter, string Name)> source, string name)
    {
        source.Add((parameters.Add(values, NpgsqlDbType.Array | element), name));
        return $"r.{name}";
    }

    // Values that are arrays: all elements one behind another, and of each record from where to where. (PostgreSQL has no arrays of arrays of different lengths.)
    private static string Flat<T>(object?[] values, NpgsqlDbType element, StatementParameters parameters, List<(string Parameter, string Name)> source, string name)
    {
        List<T> elements = [];
        var (from, to) = (new int?[values.Length], new int?[values.Length]);
        for (var i = 0; i < values.Length; i++)
        {
            if (values[i] is T[] value)
            {
                from[i] = elements.Count + 1; // PostgreSQL counts from 1
                elements.AddRange(value);
                to[i] = elements.Count;
            }
        }

        var flat = parameters.Add(elements.ToArray(), NpgsqlDbType.Array | element);
        return $"{flat}[{Plain(from, NpgsqlDbType.Integer, parameters, source, $"{name}f")}:{Plain(to, NpgsqlDbType.Integer, parameters, source, $"{name}t")}]";
    }

    /// <summary>Values of a field that is no array, as an array that a parameter can be.</summary>
    public static Array Column(DataKind kind, object?[] values) => kind switch
    {
        DataKind.Boolean => Array.ConvertAll(values, value => (bool?)value),
        DataKind.Integer => Array.ConvertAll(values, value => (long?)value),
        DataKind.Number => Array.ConvertAll(values, value => (double?)value),
        DataKind.Date => Array.ConvertAll(values, value => value is DateTimeOffset date ? DateValue.ToParameter(date) : (DateTime?)null),
        _ => Array.ConvertAll(values, value => (string?)value),
    };
}
