using Abi.Database.Postgres.Errors;
using Npgsql;
using NpgsqlTypes;

namespace Abi.Database.Postgres.Tables;

/// <summary>Which collections there are: a table with their names and definitions. Changes of it exclude each other.</summary>
internal sealed class Catalog(string schema)
{
    private static readonly Version Least = new(0, 8);

    private readonly string _schema = Identifier.Quote(schema, "The schema");
    private readonly string _table = $"{Identifier.Quote(schema, "The schema")}.\"{Identifier.Reserved}collections\"";

    /// <summary>The schema that it and the collections are in.</summary>
    public string Schema => schema;

    /// <summary>Checks that the database has pgvector, new enough.</summary>
    /// <exception cref="DatabaseException">It has not.</exception>
    public static async Task<bool> CheckExtensionAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        if (await AskAsync(connection, "SELECT extversion FROM pg_catalog.pg_extension WHERE extname = 'vector'", cancellationToken).ConfigureAwait(false) is not string version)
        {
            throw new DatabaseException($"The database {connection.Database} at {connection.Host} lacks the extension vector. {PostgresErrors.NoExtensionRemedy}");
        }

        return Version.TryParse(version, out var found) && found < Least
            ? throw new DatabaseException($"The database {connection.Database} at {connection.Host} has the extension vector {version}; {Least} or later was expected. Update pgvector and run ALTER EXTENSION vector UPDATE.")
            : true;
    }

    /// <summary>The names, in order.</summary>
    public async Task<List<string>> NamesAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        List<string> names = [];
        if (await ExistsAsync(connection, cancellationToken).ConfigureAwait(false))
        {
            var command = connection.CreateCommand();
            await using var _ = command.ConfigureAwait(false);
            command.CommandText = $"SELECT name FROM {_table} ORDER BY name";
            var reader = await command.ExecuteReaderAsync(cancellationToken).ConfigureAwait(false);
            await using var __ = reader.ConfigureAwait(false);
            while (await reader.ReadAsync(cancellationToken).ConfigureAwait(false))
            {
                names.Add(reader.GetString(0));
            }
        }

        return names;
    }

    /// <summary>A collection's definition, or null.</summary>
    public async Task<CollectionDefinition?> FindAsync(NpgsqlConnection connection, string name, CancellationToken cancellationToken)
    {
        if (!await ExistsAsync(connection, cancellationToken).ConfigureAwait(false))
        {
            return null;
        }

        return await AskAsync(connection, $"SELECT definition::text FROM {_table} WHERE name = $1", cancellationToken, name).ConfigureAwait(false) is string definition ? DefinitionJson.Parse(definition, name) : null;
    }

    /// <summary>Makes a collection if it is not there.</summary>
    /// <returns>Its table as it is there: fields may stand in another order.</returns>
    public async Task<CollectionTable> CreateAsync(NpgsqlConnection connection, CollectionTable table, CancellationToken cancellationToken)
    {
        var (name, definition) = (table.Collection.Name, table.Collection.Definition);
        if (Present(await FindAsync(connection, name, cancellationToken).ConfigureAwait(false), name, definition) is { } present)
        {
            return present;
        }

        if (table.Vectors.Count > 0)
        {
            await CheckExtensionAsync(connection, cancellationToken).ConfigureAwait(false);
        }

        var transaction = await connection.BeginTransactionAsync(cancellationToken).ConfigureAwait(false);
        await using var _ = transaction.ConfigureAwait(false);
        await LockAsync(connection, cancellationToken).ConfigureAwait(false);
        if (!await ExistsAsync(connection, cancellationToken).ConfigureAwait(false))
        {
            await MakeAsync(connection, cancellationToken).ConfigureAwait(false);
        }

        if (Present(await FindAsync(connection, name, cancellationToken).ConfigureAwait(false), name, definition) is { } madeMeanwhile)
        {
            return madeMeanwhile;
        }

        foreach (var statement in table.Create())
        {
            await AskAsync(connection, statement, cancellationToken).ConfigureAwait(false);
        }

        await AskAsync(connection, $"INSERT INTO {_table} (name, definition) VALUES ($1, $2::jsonb)", cancellationToken, name, DefinitionJson.Format(definition)).ConfigureAwait(false);
        await transaction.CommitAsync(cancellationToken).ConfigureAwait(false);
        return table;
    }

    /// <summary>Deletes a collection if it is there.</summary>
    public async Task<bool> DropAsync(NpgsqlConnection connection, string name, CancellationToken cancellationToken)
    {
        if (!await ExistsAsync(connection, cancellationToken).ConfigureAwait(false))
        {
            return false;
        }

        var transaction = await connection.BeginTransactionAsync(cancellationToken).ConfigureAwait(false);
        await using var _ = transaction.ConfigureAwait(false);
        await LockAsync(connection, cancellationToken).ConfigureAwait(false);
        if (await AskAsync(connection, $"DELETE FROM {_table} WHERE name = $1 RETURNING name", cancellationToken, name).ConfigureAwait(false) is null)
        {
            return false;
        }

        await AskAsync(connection, $"DROP TABLE IF EXISTS {_schema}.{Identifier.QuoteUsers(name, "The collection")}", cancellationToken).ConfigureAwait(false);
        await transaction.CommitAsync(cancellationToken).ConfigureAwait(false);
        return true;
    }

    private CollectionTable? Present(CollectionDefinition? present, string name, CollectionDefinition definition) =>
        present is null ? null
        : present.DifferenceFrom(definition) is { } difference ? throw new DatabaseException($"The collection '{name}' exists with another definition: {difference}. Use its own, copy the records into a collection of another name, or delete it first.")
        : new CollectionTable(Schema, name, present);

    // Asked beforehand: a failed statement would end the transaction, and IF NOT EXISTS wants privileges even where there is nothing to do.
    private async Task<bool> ExistsAsync(NpgsqlConnection connection, CancellationToken cancellationToken) =>
        await AskAsync(connection, $"SELECT EXISTS (SELECT FROM pg_catalog.pg_tables WHERE schemaname = $1 AND tablename = '{Identifier.Reserved}collections')", cancellationToken, schema).ConfigureAwait(false) is true;

    private async Task MakeAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        if (await AskAsync(connection, "SELECT EXISTS (SELECT FROM pg_catalog.pg_namespace WHERE nspname = $1)", cancellationToken, schema).ConfigureAwait(false) is false)
        {
            await AskAsync(connection, $"CREATE SCHEMA {_schema}", cancellationToken).ConfigureAwait(false);
        }

        await AskAsync(connection, $"CREATE TABLE {_table} (name text COLLATE \"C\" PRIMARY KEY, definition jsonb NOT NULL)", cancellationToken).ConfigureAwait(false);
    }

    private Task<object?> LockAsync(NpgsqlConnection connection, CancellationToken cancellationToken) =>
        AskAsync(connection, "SELECT pg_advisory_xact_lock(hashtextextended($1, 0))::text", cancellationToken, $"abi:{schema}");

    // The first value of the first row, or null.
    private static async Task<object?> AskAsync(NpgsqlConnection connection, string statement, CancellationToken cancellationToken, params string[] texts)
    {
        var command = connection.CreateCommand();
        await using var _ = command.ConfigureAwait(false);
        command.CommandText = statement;
        foreach (var text in texts)
        {
            command.Parameters.Add(new NpgsqlParameter { Value = text, NpgsqlDbType = NpgsqlDbType.Text });
        }

        return await command.ExecuteScalarAsync(cancellationToken).ConfigureAwait(false);
    }
}
