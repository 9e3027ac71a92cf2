using System.Diagnostics.CodeAnalysis;

namespace Abi.Database.Postgres;

/// <summary>The feature <c>Postgres</c>: collections in PostgreSQL. Starting connects and checks that the server has pgvector.</summary>
/// <remarks>Thread-safe once it is started.</remarks>
public sealed class PostgresFeature : IAbiFeature, IAsyncDisposable
{
    private readonly PostgresOptions _options;
    private PostgresDatabase? _store;

    internal PostgresFeature(PostgresOptions options) => _options = options;

    /// <inheritdoc/>
    public string Name => "Postgres";

    /// <summary>The database.</summary>
    /// <exception cref="InvalidOperationException">The framework is not running.</exception>
    public PostgresDatabase Store => Volatile.Read(ref _store) ?? throw new InvalidOperationException("The database is not open: start the framework first.");

    /// <summary>A collection of typed records; see <see cref="IVectorDatabase.GetCollection{TKey, TRecord}"/>.</summary>
    public IVectorCollection<TKey, TRecord> GetCollection<TKey, [DynamicallyAccessedMembers(DynamicallyAccessedMemberTypes.PublicProperties | DynamicallyAccessedMemberTypes.PublicParameterlessConstructor)] TRecord>(string name, CollectionDefinition? definition = null)
        where TKey : notnull
        where TRecord : class, new() => Store.GetCollection<TKey, TRecord>(name, definition);

    /// <summary>A collection of records that are dictionaries; see <see cref="IVectorDatabase.GetDynamicCollection"/>.</summary>
    public IVectorCollection<object, Dictionary<string, object?>> GetDynamicCollection(string name, CollectionDefinition? definition = null) => Store.GetDynamicCollection(name, definition);

    /// <inheritdoc/>
    public async Task StartAsync(CancellationToken cancellationToken)
    {
        var store = PostgresDatabase.Open(_options);
        try
        {
            await store.CheckAsync(cancellationToken).ConfigureAwait(false);
        }
        catch
        {
            await store.DisposeAsync().ConfigureAwait(false);
            throw;
        }

        Volatile.Write(ref _store, store);
    }

    /// <inheritdoc/>
    public async Task StopAsync(CancellationToken cancellationToken)
    {
        if (Interlocked.Exchange(ref _store, null) is { } store)
        {
            await store.DisposeAsync().ConfigureAwait(false);
        }
    }

    /// <inheritdoc/>
    public async Task<FeatureHealth> HealthAsync(CancellationToken cancellationToken)
    {
        if (Volatile.Read(ref _store) is not { } store)
        {
            return new FeatureHealth(FeatureHealthStatus.Unhealthy, "The database is not open.");
        }

        try
        {
            await store.CheckAsync(cancellationToken).ConfigureAwait(false);
            return FeatureHealth.Healthy;
        }
        catch (DatabaseException error)
        {
            return new FeatureHealth(FeatureHealthStatus.Unhealthy, error.Message, error);
        }
    }

    /// <inheritdoc/>
    public ValueTask DisposeAsync() => new(StopAsync(CancellationToken.None));
}
