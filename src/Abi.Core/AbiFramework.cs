using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace Abi;

/// <summary>
/// Abi in this process: the features that were added, reached as <c>abi.Llm</c> and so on, and their common life. Made by
/// <see cref="AbiBuilder.BuildAsync"/>, or injected where <c>services.AddAbi</c> was called.
/// </summary>
/// <remarks>Safe to use from several threads. A feature must not call <see cref="StartAsync"/>, <see cref="StopAsync"/> or dispose the framework from its own start or stop.</remarks>
public sealed class AbiFramework : IAsyncDisposable, IDisposable
{
    private readonly FeatureRegistry _registry;
    private readonly FeatureStates _states;
    private readonly FeatureLifecycle _lifecycle;
    private readonly IReadOnlyList<IAbiFeature> _features;
    private readonly Lazy<Task> _end;
    private readonly ILogger _logger;
    private readonly AsyncLocal<bool> _isInsideEnd = new();
    private ServiceProvider? _owned;

    internal AbiFramework(IServiceProvider services)
    {
        Services = services;
        _registry = services.GetRequiredService<FeatureRegistry>();
        _states = services.GetRequiredService<FeatureStates>();
        _logger = services.GetService<ILoggerFactory>()?.CreateLogger(LifecycleLog.Category) ?? NullLogger.Instance;
        foreach (var feature in _states.Features.Where(feature => feature.Status != FeatureStatus.On))
        {
            LifecycleLog.FeatureNotOn(_logger, feature.Name, feature.Status, feature.Reason);
        }

        // Created here, before this object, so that the container disposes them after it.
        _features = [.. StartOrder.Of(_registry.Added, _states).Select(feature => feature.Resolve(services))];
        _lifecycle = new FeatureLifecycle(_features, _logger, services.GetService<TimeProvider>() ?? TimeProvider.System);
        _end = new Lazy<Task>(() => Task.Run(EndAsync)); // elsewhere: a second caller gets the task while the first is at it
    }

    /// <summary>The container that the features live in.</summary>
    public IServiceProvider Services { get; }

    /// <summary>Where the framework is in its life.</summary>
    public AbiState State => _lifecycle.State;

    /// <summary>Every feature that Abi has or that was added, in the order of their names, with why it is on, off or compiled out.</summary>
    public IReadOnlyList<FeatureInfo> Features => _states.Features;

    /// <summary>Starts every feature that is on, each after those it needs. Does nothing when running; waits for a start or stop in progress.</summary>
    /// <exception cref="OperationCanceledException">Cancelled; what had been started was stopped again.</exception>
    /// <remarks>When a feature fails, those started before it are stopped in reverse order and its own exception is thrown.</remarks>
    public Task StartAsync(CancellationToken cancellationToken = default) => _lifecycle.StartAsync(cancellationToken);

    /// <summary>Stops the features in reverse order. Does nothing when not running. Every feature is stopped even when one fails; the failure is thrown at the end.</summary>
    public Task StopAsync(CancellationToken cancellationToken = default) => _lifecycle.StopAsync(cancellationToken);

    /// <summary>Asks every feature that is on for its health, all at once. A feature that throws, or a framework that does not run, is unhealthy.</summary>
    /// <returns>The health of each feature by name.</returns>
    public async Task<IReadOnlyDictionary<string, FeatureHealth>> HealthAsync(CancellationToken cancellationToken = default)
    {
        var answers = await Task.WhenAll(_features.Select(feature => HealthOfAsync(feature, cancellationToken))).ConfigureAwait(false);
        return _features.Zip(answers).ToDictionary(pair => pair.First.Name, pair => pair.Second, StringComparer.Ordinal);
    }

    /// <summary>The feature of a type: what the extension members <c>abi.Llm</c> and so on return.</summary>
    /// <param name="name">The feature's name, for the message when it is not there.</param>
    /// <exception cref="FeatureDisabledException">The feature is off, was not added, or was compiled out.</exception>
    /// <exception cref="ObjectDisposedException">The framework has been disposed.</exception>
    public TFeature GetFeature<TFeature>(string name)
        where TFeature : class, IAbiFeature
    {
        ObjectDisposedException.ThrowIf(State == AbiState.Disposed, this);
        return _registry.Find(typeof(TFeature)) is not null && _states.IsOn(name) ? Services.GetRequiredService<TFeature>() : throw _states.Disabled(name);
    }

    /// <summary>Stops what runs and disposes the features. Never throws; may be called any number of times, also while a start is in progress, which is cancelled.</summary>
    public ValueTask DisposeAsync() => _isInsideEnd.Value ? ValueTask.CompletedTask : new ValueTask(_end.Value);

    /// <summary>The same as <see cref="DisposeAsync"/>, waiting for it: for containers that are disposed synchronously.</summary>
    public void Dispose()
    {
        if (!_isInsideEnd.Value)
        {
            _end.Value.GetAwaiter().GetResult();
        }
    }

    /// <summary>Makes the framework dispose a container that was built for it alone.</summary>
    internal void Own(ServiceProvider services) => _owned = services;

    private async Task<FeatureHealth> HealthOfAsync(IAbiFeature feature, CancellationToken cancellationToken)
    {
        if (State != AbiState.Running)
        {
            return new FeatureHealth(FeatureHealthStatus.Unhealthy, $"Abi is {State}, not running.");
        }

        try
        {
            return await feature.HealthAsync(cancellationToken).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            throw;
        }
        catch (Exception error)
        {
            // An answer is owed for every feature, whatever its check ran into.
            return new FeatureHealth(FeatureHealthStatus.Unhealthy, error.Message, error);
        }
    }

    private async Task EndAsync()
    {
        await _lifecycle.EndAsync().ConfigureAwait(false);
        if (_owned is null)
        {
            return;
        }

        // The container disposes what it made, this object too: that call must not wait for the one that it comes from. Calls from elsewhere do.
        _isInsideEnd.Value = true;
        try
        {
            await _owned.DisposeAsync().ConfigureAwait(false);
        }
        catch (Exception error)
        {
            LifecycleLog.DisposeFailed(_logger, error);
        }
    }
}
