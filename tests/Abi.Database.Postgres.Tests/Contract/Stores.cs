using Abi.Database.Tests;
using Abi.Database.Tests.Embeddings;
using Npgsql;

namespace Abi.Database.Postgres.Tests.Contract;

/// <summary>A database of one kind or the other, empty, for one test.</summary>
internal sealed class Stores : IAsyncDisposable
{
    private readonly TemporaryFolder? _folder;
    private readonly string? _connection;
    private readonly string? _schema;

    private Stores(IVectorDatabase database, TemporaryFolder? folder, string? connection, string? schema) => (Database, _folder, _connection, _schema) = (database, folder, connection, schema);

    public IVectorDatabase Database { get; }

    public static async Task<Stores> EmbeddedAsync(LetterGenerator? generator = null)
    {
        var folder = new TemporaryFolder();
        var options = new DatabaseOptions { Path = folder["db"], Durability = Durability.Os };
        return new Stores(await VectorDatabase.OpenAsync(generator is null ? options : options.WithEmbeddings(generator)), folder, null, null);
    }

    /// <summary>A schema of its own in PostgreSQL; ignores the running test when there is no server.</summary>
    public static async Task<Stores> PostgresAsync(LetterGenerator? generator = null, string settings = "")
    {
        var connection = await PostgresServer.ConnectionAsync() + settings;
        var schema = $"abi \"test\" {Guid.NewGuid():n}"; // a name that wants its quotes
        var options = new PostgresOptions { ConnectionString = connection, Schema = schema };
        return new Stores(PostgresDatabase.Open(generator is null ? options : options.WithEmbeddings(generator)), null, connection, schema);
    }

    /// <summary>The same database in PostgreSQL, as another process has it.</summary>
    public PostgresDatabase Another() => PostgresDatabase.Open(new PostgresOptions { ConnectionString = _connection!, Schema = _schema! });

    /// <summary>Runs SQL beside the database, with <c>{0}</c> for the schema.</summary>
    public async Task<object?> SqlAsync(string statement)
    {
        await using var source = NpgsqlDataSource.Create(_connection!);
        await using var command = source.CreateCommand(statement.Replace("{0}", $"\"{_schema!.Replace("\"", "\"\"", StringComparison.Ordinal)}\"", StringComparison.Ordinal));
        return await command.ExecuteScalarAsync();
    }

    public async ValueTask DisposeAsync()
    {
        if (_schema is not null)
        {
            await SqlAsync("DROP SCHEMA IF EXISTS {0} CASCADE");
        }

        await Database.DisposeAsync();
        _folder?.Dispose();
    }
}
