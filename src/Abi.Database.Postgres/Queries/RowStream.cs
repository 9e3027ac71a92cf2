using Abi.Database.Postgres.Tables;
using Abi.Database.Records;
using Npgsql;

namespace Abi.Database.Postgres.Queries;

/// <summary>The rows of a query, one by one, over a connection of their own.</summary>
internal sealed class RowStream : IAsyncDisposable
{
    private readonly PostgresDatabase _database;
    private readonly CollectionTable _table;
    private readonly bool _withVectors;
    private readonly NpgsqlConnection _connection;
    private readonly NpgsqlCommand _command;
    private readonly NpgsqlDataReader _reader;
    private bool _isAtEnd;

    private RowStream(PostgresDatabase database, CollectionTable table, bool withVectors, NpgsqlConnection connection, NpgsqlCommand command, NpgsqlDataReader reader) =>
        (_database, _table, _withVectors, _connection, _command, _reader) = (database, table, withVectors, connection, command, reader);

    /// <summary>The row that was read last.</summary>
    public RecordValues Current => RowReader.Read(_table, _reader, _withVectors);

    /// <summary>Begins a query whose columns are those of <see cref="CollectionTable.Select"/>.</summary>
    public static async Task<RowStream> OpenAsync(PostgresDatabase database, CollectionTable table, bool withVectors, Func<StatementParameters, string> statement, CancellationToken cancellationToken)
    {
        NpgsqlConnection? connection = null;
        NpgsqlCommand? command = null;
        try
        {
            connection = await database.Source.OpenConnectionAsync(cancellationToken).ConfigureAwait(false);
            command = connection.CreateCommand();
            command.CommandText = statement(new StatementParameters(command.Parameters));
            var reader = await command.ExecuteReaderAsync(cancellationToken).ConfigureAwait(false);
            return new RowStream(database, table, withVectors, connection, command, reader);
        }
        catch (Exception error)
        {
            if (command is not null)
            {
                await command.DisposeAsync().ConfigureAwait(false);
            }

            if (connection is not null)
            {
                await connection.DisposeAsync().ConfigureAwait(false);
            }

            if (error is NpgsqlException known)
            {
                throw database.Translate(known, table.Collection.Name);
            }

            throw;
        }
    }

    /// <summary>Goes to the next row.</summary>
    public async Task<bool> ReadAsync(CancellationToken cancellationToken)
    {
        try
        {
            _isAtEnd = !await _reader.ReadAsync(cancellationToken).ConfigureAwait(false);
            return !_isAtEnd;
        }
        catch (NpgsqlException error)
        {
            throw _database.Translate(error, _table.Collection.Name);
        }
    }

    public async ValueTask DisposeAsync()
    {
        try
        {
            if (!_isAtEnd)
            {
                _command.Cancel(); // else the reader would fetch all that is left
            }

            await _reader.DisposeAsync().ConfigureAwait(false);
        }
        catch (Exception error) when (error is NpgsqlException or OperationCanceledException)
        {
            // The answer to cancelling; nobody wants the rows any more.
        }

        await _command.DisposeAsync().ConfigureAwait(false);
        await _connection.DisposeAsync().ConfigureAwait(false);
    }
}
