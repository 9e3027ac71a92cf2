using System.Collections.Concurrent;
using System.Data.Common;
using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using Abi.Database.Embeddings;
using Abi.Database.Postgres.Errors;
using Abi.Database.Postgres.Queries;
using Abi.Database.Postgres.Tables;
using Abi.Database.Records;
using Npgsql;

namespace Abi.Database.Postgres;

/// <summary>
/// Collections in a PostgreSQL database with the extension pgvector (0.8 or later): a table each, in a schema of their own, which other programs may read. The same interface, filters and searches as
/// <see cref="VectorDatabase"/> has; docs/database.md lists what differs.
/// </summary>
/// <remarks>Thread-safe. Any number of processes may use the same schema at once. Nothing is cached but the definitions of collections.</remarks>
public sealed class PostgresDatabase : IVectorDatabase
{
    private readonly string? _connectionString; // of a source of its own
    private readonly TextEmbedder? _embedder;
    private readonly ConcurrentDictionary<string, CollectionTable> _tables = new(StringComparer.Ordinal);

    private PostgresDatabase(PostgresOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentException.ThrowIfNullOrEmpty(options.Schema, nameof(options));
        ArgumentOutOfRangeException.ThrowIfLessThan(options.Effort, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(options.Effort, SearchSettings.MaximumEffort);
        _connectionString = options.DataSource is null ? options.ConnectionString : null;
        Source = options.DataSource ?? Connect(options.ConnectionString);
        Place = PlaceOf(Source);
        Effort = options.Effort;
        Catalog = new Catalog(options.Schema);
        _embedder = options.Generator is { } generator ? new TextEmbedder(generator, options.Embedding) : null;
    }

    internal NpgsqlDataSource Source { get; private set; }

    /// <summary>What messages call it.</summary>
    internal string Place { get; }

    internal int Effort { get; }

    internal Catalog Catalog { get; }

    /// <summary>A database by Npgsql's connection string. Nothing is connected yet.</summary>
    /// <exception cref="ArgumentException">The connection string cannot be read.</exception>
    public static PostgresDatabase Open(string connectionString) => new(new PostgresOptions { ConnectionString = connectionString });

    /// <summary>A database whose connections come from a source. Nothing is connected yet.</summary>
    /// <param name="dataSource">The source; it must outlive the database, which does not dispose of it.</param>
    public static PostgresDatabase Open(NpgsqlDataSource dataSource) => new(new PostgresOptions().WithDataSource(dataSource));

    /// <summary>A database by options. Nothing is connected yet.</summary>
    /// <exception cref="ArgumentException">An option is out of its range, or the connection string cannot be read.</exception>
    public static PostgresDatabase Open(PostgresOptions options) => new(options);

    /// <inheritdoc/>
    public IVectorCollection<TKey, TRecord> GetCollection<TKey, [DynamicallyAccessedMembers(DynamicallyAccessedMemberTypes.PublicProperties | DynamicallyAccessedMemberTypes.PublicParameterlessConstructor)] TRecord>(string name, CollectionDefinition? definition = null)
        where TKey : notnull
        where TRecord : class, new()
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(name);
        return new PostgresCollection<TKey, TRecord>(this, name, RecordConverter.OfClass<TRecord>(_embedder), definition);
    }

    /// <inheritdoc/>
    public IVectorCollection<object, Dictionary<string, object?>> GetDynamicCollection(string name, CollectionDefinition? definition = null)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(name);
        return new PostgresCollection<object, Dictionary<string, object?>>(this, name, RecordConverter.OfDictionaries(_embedder), definition);
    }

    /// <summary>Connects, and checks that the server has pgvector.</summary>
    /// <exception cref="DatabaseException">The server cannot be reached, or lacks the extension or has an old one.</exception>
    public Task CheckAsync(CancellationToken cancellationToken = default) => RunAsync(null, connection => Catalog.CheckExtensionAsync(connection, cancellationToken), cancellationToken);

    /// <inheritdoc/>
    public async IAsyncEnumerable<string> ListCollectionNamesAsync([EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        foreach (var name in await RunAsync(null, connection => Catalog.NamesAsync(connection, cancellationToken), cancellationToken).ConfigureAwait(false))
        {
            yield return name;
        }
    }

    /// <inheritdoc/>
    public async Task<bool> CollectionExistsAsync(string name, CancellationToken cancellationToken = default) =>
        await RunAsync(name, connection => Catalog.FindAsync(connection, name, cancellationToken), cancellationToken).ConfigureAwait(false) is not null;

    /// <inheritdoc/>
    public async Task EnsureCollectionDeletedAsync(string name, CancellationToken cancellationToken = default)
    {
        await RunAsync(name, connection => Catalog.DropAsync(connection, name, cancellationToken), cancellationToken).ConfigureAwait(false);
        Forget(name);
    }

    /// <inheritdoc/>
    public async Task<int> DeleteExpiredAsync(CancellationToken cancellationToken = default)
    {
        var count = 0;
        await foreach (var name in ListCollectionNamesAsync(cancellationToken).ConfigureAwait(false))
        {
            var table = await TableAsync(name, cancellationToken).ConfigureAwait(false);
            if (table.Expires is not null)
            {
                count += await RunAsync(name, connection => WriteStatements.DeleteExpiredAsync(connection, table, cancellationToken), cancellationToken).ConfigureAwait(false);
            }
        }

        return count;
    }

    /// <summary>Lets go of the connections, if they are its own. Never throws.</summary>
    public void Dispose()
    {
        if (_connectionString is not null)
        {
            Source.Dispose();
        }
    }

    /// <summary>Lets go of the connections, if they are its own. Never throws.</summary>
    public ValueTask DisposeAsync() => _connectionString is not null ? Source.DisposeAsync() : default;

    /// <summary>Takes connections again after it was disposed of: it, and the collections that were got from it, go on.</summary>
    internal void Reopen() => Source = _connectionString is null ? Source : Connect(_connectionString);

    /// <summary>The table of a collection that is there.</summary>
    internal async Task<CollectionTable> TableAsync(string name, CancellationToken cancellationToken)
    {
        if (_tables.TryGetValue(name, out var known))
        {
            return known;
        }

        var definition = await RunAsync(name, connection => Catalog.FindAsync(connection, name, cancellationToken), cancellationToken).ConfigureAwait(false)
            ?? throw PostgresErrors.NoCollection(Place, name);
        return Remember(new CollectionTable(Catalog.Schema, name, definition));
    }

    internal CollectionTable Remember(CollectionTable table) => _tables[table.Collection.Name] = table;

    internal void Forget(string name) => _tables.TryRemove(name, out _);

    /// <summary>Does something over a connection, with PostgreSQL's errors as those of this database.</summary>
    internal async Task<T> RunAsync<T>(string? collection, Func<NpgsqlConnection, Task<T>> work, CancellationToken cancellationToken)
    {
        try
        {
            var connection = await Source.OpenConnectionAsync(cancellationToken).ConfigureAwait(false);
            await using var _ = connection.ConfigureAwait(false);
            return await work(connection).ConfigureAwait(false);
        }
        catch (NpgsqlException error)
        {
            throw Translate(error, collection);
        }
    }

    /// <summary>An error of PostgreSQL as one of this database.</summary>
    internal Exception Translate(NpgsqlException error, string? collection)
    {
        if (collection is not null && PostgresErrors.IsOfAnotherTable(error))
        {
            Forget(collection); // another process may have made it anew
        }

        return PostgresErrors.Of(error, Place, collection);
    }

    private static NpgsqlDataSource Connect(string connectionString)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(connectionString);
        var builder = new NpgsqlDataSourceBuilder(connectionString);
        if (!new DbConnectionStringBuilder { ConnectionString = connectionString }.ContainsKey("Max Auto Prepare"))
        {
            builder.ConnectionStringBuilder.MaxAutoPrepare = 64;
        }

        return builder.Build();
    }

    private static string PlaceOf(NpgsqlDataSource source)
    {
        var parts = new NpgsqlConnectionStringBuilder(source.ConnectionString);
        return $"{parts.Database ?? parts.Username} at {parts.Host}";
    }
}
