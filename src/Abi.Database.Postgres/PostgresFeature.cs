using System.Diagnostics.CodeAnalysis;

namespace Abi.Database.Postgres;

/// <summary>The feature <c>Postgres</c>: collections in PostgreSQL. Starting connects and checks that the server has pgvector.</summary>
/// <remarks>Thread-safe once it is started.</remarks>
public sealed class PostgresFeature : IAbiFeature, IAsyncDisposable, IDisposable
{
    private readonly Lock _gate = new();
    private readonly PostgresOptions _options;
    private PostgresDatabase? _store;
    private PostgresDatabase? _closed; // by a stop; whoever was given it goes on with it after the next start
    private bool _isStopped;

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
        PostgresDatabase store;
        lock (_gate)
        {
            _isStopped = false;
            store = Open();
        }

        try
        {
            await store.CheckAsync(cancellationToken).ConfigureAwait(false);
        }
        catch
        {
            await CloseAsync().ConfigureAwait(false);
            throw;
        }
    }

    /// <inheritdoc/>
    public Task StopAsync(CancellationToken cancellationToken)
    {
        lock (_gate)
        {
            _isStopped = true;
        }

        return CloseAsync();
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

    /// <summary>Lets go of the connections; never throws, and may be called again.</summary>
    public ValueTask DisposeAsync() => new(StopAsync(CancellationToken.None));

    /// <summary>The same as <see cref="DisposeAsync"/>, waiting for it: for containers that are disposed synchronously.</summary>
    public void Dispose() => Task.Run(() => StopAsync(CancellationToken.None)).GetAwaiter().GetResult();

    /// <summary>The database for a service that asks for it, perhaps before the host starts the features, which then check it.</summary>
    internal PostgresDatabase OpenForInjection()
    {
        lock (_gate)
        {
            return _isStopped ? Store : Open();
        }
    }

    private PostgresDatabase Open()
    {
        if (_store is null && _closed is { } closed)
        {
            closed.Reopen();
            _store = closed;
        }

        return _store ??= PostgresDatabase.Open(_options);
    }

    private async Task CloseAsync()
    {
        ValueTask closing;
        lock (_gate)
        {
            // begun here, so that a start that comes meanwhile opens it again and this does not close what that has opened
            closing = _store?.DisposeAsync() ?? default;
            _closed = _store ?? _closed;
            Volatile.Write(ref _store, null);
        }

        await closing.ConfigureAwait(false);
    }
}
