using System.Diagnostics.CodeAnalysis;
using Abi.Database.Telemetry;
using Microsoft.Extensions.Logging;

namespace Abi.Database;

/// <summary>The feature <c>Database</c>: the database at <see cref="DatabaseOptions.Path"/>, open while the framework runs.</summary>
/// <remarks>Thread-safe once it is started.</remarks>
public sealed class DatabaseFeature : IAbiFeature, IAsyncDisposable, IDisposable
{
    private readonly DatabaseOptions _options;
    private readonly ILogger _logger;
    private readonly SemaphoreSlim _turn = new(1, 1); // one opens or closes
    private VectorDatabase? _store;
    private VectorDatabase? _closed; // by a stop; whoever was given it goes on with it after the next start
    private bool _isStopped;

    internal DatabaseFeature(DatabaseOptions options, ILogger logger) => (_options, _logger) = (options, logger);

    /// <inheritdoc/>
    public string Name => "Database";

    /// <summary>The database.</summary>
    /// <exception cref="InvalidOperationException">The framework is not running.</exception>
    public VectorDatabase Store => Volatile.Read(ref _store) ?? throw new InvalidOperationException("The database is not open: start the framework first.");

    /// <summary>A collection of typed records; see <see cref="VectorDatabase.GetCollection{TKey, TRecord}"/>.</summary>
    public VectorCollection<TKey, TRecord> GetCollection<TKey, [DynamicallyAccessedMembers(DynamicallyAccessedMemberTypes.PublicProperties | DynamicallyAccessedMemberTypes.PublicParameterlessConstructor)] TRecord>(string name, CollectionDefinition? definition = null)
        where TKey : notnull
        where TRecord : class, new() => Store.GetCollection<TKey, TRecord>(name, definition);

    /// <summary>A collection of records that are dictionaries; see <see cref="VectorDatabase.GetDynamicCollection"/>.</summary>
    public VectorCollection<object, Dictionary<string, object?>> GetDynamicCollection(string name, CollectionDefinition? definition = null) => Store.GetDynamicCollection(name, definition);

    /// <inheritdoc/>
    public async Task StartAsync(CancellationToken cancellationToken)
    {
        await _turn.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            _isStopped = false;
            await OpenAsync(cancellationToken).ConfigureAwait(false);
        }
        finally
        {
            _turn.Release();
        }
    }

    /// <inheritdoc/>
    public async Task StopAsync(CancellationToken cancellationToken)
    {
        await _turn.WaitAsync(CancellationToken.None).ConfigureAwait(false);
        try
        {
            _isStopped = true;
            if (Interlocked.Exchange(ref _store, null) is { } store)
            {
                await store.DisposeAsync().ConfigureAwait(false);
                _closed = store;
                DatabaseLog.Closed(_logger, _options.Path);
            }
        }
        finally
        {
            _turn.Release();
        }
    }

    /// <inheritdoc/>
    public Task<FeatureHealth> HealthAsync(CancellationToken cancellationToken) => Task.FromResult(Volatile.Read(ref _store) switch
    {
        null => new FeatureHealth(FeatureHealthStatus.Unhealthy, "The database is not open."),
        { WriteFailure: { } failure } => new FeatureHealth(FeatureHealthStatus.Unhealthy, $"The database takes no more writes: {failure.Message}", failure),
        var store when Troubles(store) is { Count: > 0 } troubles => new FeatureHealth(FeatureHealthStatus.Degraded, string.Join(' ', troubles), store.Engine.SegmentFailure ?? store.CheckpointFailure ?? store.LogArchive?.Failure),
        _ => FeatureHealth.Healthy,
    });

    private static List<string> Troubles(VectorDatabase store)
    {
        List<string> troubles = [];
        if (store.Engine.SegmentFailure is { } segmentFailure)
        {
            troubles.Add($"The last attempt to make a new segment of the log failed, so writes fail, or will when the present one is full: {segmentFailure.Message} What was acknowledged is safe; the next write or checkpoint that needs one tries again.");
        }

        if (store.CheckpointFailure is { } failure)
        {
            troubles.Add($"The last checkpoint failed, or letting go of memory after it: {failure.Message} Nothing is lost; until one succeeds, more is kept of the log or in memory than need be.");
        }

        if (store.LogArchive is { Failure: { } archiveFailure } archive)
        {
            troubles.Add($"{archiveFailure.Message} {archive.PendingSegments} segments wait since {archive.FailingSince:u}.");
        }

        troubles.AddRange(store.Recovery.Warnings);
        return troubles;
    }

    /// <summary>Closes the database; never throws, and may be called again.</summary>
    public ValueTask DisposeAsync() => new(StopAsync(CancellationToken.None));

    /// <summary>The same as <see cref="DisposeAsync"/>, waiting for it: for containers that are disposed synchronously.</summary>
    public void Dispose() => Task.Run(() => StopAsync(CancellationToken.None)).GetAwaiter().GetResult();

    /// <summary>The database for a service that asks for it, perhaps before the host starts the features: then it is opened here.</summary>
    internal VectorDatabase OpenForInjection()
    {
        Task.Run(async () =>
        {
            await _turn.WaitAsync().ConfigureAwait(false);
            try
            {
                if (!_isStopped)
                {
                    await OpenAsync(CancellationToken.None).ConfigureAwait(false);
                }
            }
            finally
            {
                _turn.Release();
            }
        }).GetAwaiter().GetResult();
        return Store; // throws after a stop, saying so
    }

    private async Task OpenAsync(CancellationToken cancellationToken)
    {
        if (_store is not null)
        {
            return; // injected before the start
        }

        var store = await (_closed?.ReopenAsync(cancellationToken) ?? VectorDatabase.OpenAsync(_options, cancellationToken)).ConfigureAwait(false);
        Volatile.Write(ref _store, store);
        foreach (var warning in store.Recovery.Warnings)
        {
            DatabaseLog.Recovered(_logger, _options.Path, warning);
        }

        DatabaseLog.Opened(_logger, _options.Path, store.Sequence);
    }
}
