using System.Collections.Immutable;
using System.Globalization;
using System.Runtime.CompilerServices;
using Microsoft.Extensions.AI;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace Abi.Llm.Hosting;

/// <summary>
/// Several models under names: each is loaded when a request first wants it, shared by all that do, and unloaded when its room is needed for another and no request holds it. Names,
/// aliases and rules lead requests to models.
/// </summary>
/// <remarks>
/// Thread-safe. A request holds its model from <see cref="AcquireAsync(string?, CancellationToken)"/> (or the call of a client) to its end. Who wants a model that does not fit beside those that are held waits
/// until one is let go of (<see cref="ModelHostOptions.MemoryTimeout"/>), so do not hold one model for ever while waiting for another.
/// </remarks>
public sealed partial class ModelHost : IAbiFeature, IAsyncDisposable, IDisposable
{
    internal const string FeatureName = "ModelHost";

    private readonly Lock _gate = new();
    private readonly Dictionary<string, HostedModel> _models = new(StringComparer.OrdinalIgnoreCase);
    private readonly Dictionary<string, string> _aliases;
    private readonly ImmutableArray<ModelRoute> _routes;
    private readonly ModelHostOptions _options;
    private readonly IServiceProvider? _services;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private TaskCompletionSource _changed = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private ITimer? _timer;
    private long _uses;
    private bool _isStopped;
    private bool _isDisposed;

    /// <summary>Makes a host; nothing is loaded yet.</summary>
    /// <param name="options">The models, and the memory that they may take. Read as long as the host lives: do not change it.</param>
    /// <param name="loggerFactory">Where to log; unset, nowhere.</param>
    /// <param name="timeProvider">Measures <see cref="ModelHostOptions.KeepAlive"/> and <see cref="ModelHostOptions.MemoryTimeout"/>; unset, the system's.</param>
    /// <exception cref="ArgumentException">An option is out of its range, or an alias leads nowhere; it is named.</exception>
    public ModelHost(ModelHostOptions options, ILoggerFactory? loggerFactory = null, TimeProvider? timeProvider = null)
        : this(options, services: null, loggerFactory, timeProvider)
    {
        foreach (var (key, found, expected) in Configuration.ModelHostOptionKeys.FindProblems(options))
        {
            throw new ArgumentException($"{key} is '{found}', but {expected} was expected.", nameof(options));
        }
    }

    internal ModelHost(ModelHostOptions options, IServiceProvider? services, ILoggerFactory? loggerFactory, TimeProvider? timeProvider)
    {
        ArgumentNullException.ThrowIfNull(options);
        _options = options;
        _services = services;
        _time = timeProvider ?? TimeProvider.System;
        _logger = loggerFactory?.CreateLogger<ModelHost>() ?? (ILogger)NullLogger.Instance;
        _aliases = new Dictionary<string, string>(options.Aliases, StringComparer.OrdinalIgnoreCase);
        _routes = [.. options.Routes];
        foreach (var (name, model) in options.Models)
        {
            _models.Add(name, new HostedModel(name, model));
        }
    }

    /// <summary>The name of the feature: <c>ModelHost</c>.</summary>
    public string Name => FeatureName;

    /// <summary>The models at this moment, in the order of their names.</summary>
    public IReadOnlyList<HostedModelStatus> Models
    {
        get
        {
            lock (_gate)
            {
                var aliases = _aliases.Keys.Order(StringComparer.Ordinal).ToLookup(alias => Find(alias)?.Name, StringComparer.OrdinalIgnoreCase);
                return
                [
                    .. _models.Values.OrderBy(hosted => hosted.Name, StringComparer.Ordinal).Select(hosted => new HostedModelStatus(
                        hosted.Name, [.. aliases[hosted.Name]], hosted.State, hosted.Options.IsPinned, hosted.Bytes, hosted.Users, hosted.Waiting.Count, hosted.Loads, hosted.LastUsed)),
                ];
            }
        }
    }

    /// <summary>The bytes of the budget that are taken.</summary>
    public long UsedBytes
    {
        get
        {
            lock (_gate)
            {
                return Total();
            }
        }
    }

    /// <summary>Holds a model for a request, loading it first if it is not in memory.</summary>
    /// <param name="name">The name of a model, an alias, or what a rule takes; null for the default.</param>
    /// <param name="cancellationToken">Ends waiting; a load that nobody else waits for is given up.</param>
    /// <returns>The model, held until this is disposed.</returns>
    /// <exception cref="UnknownModelException">There is no model of that name.</exception>
    /// <exception cref="QueueFullException">As many requests as may wait for this model do so already.</exception>
    /// <exception cref="ModelMemoryException">It does not fit into the budget, or not in time.</exception>
    /// <exception cref="AbiException">It cannot be loaded. The next request tries again.</exception>
    public ValueTask<ModelLease> AcquireAsync(string? name, CancellationToken cancellationToken = default) => AcquireAsync(new ModelRouteContext { Name = name }, cancellationToken);

    /// <summary>Holds the model that the names and rules give to a request, loading it first if it is not in memory.</summary>
    /// <param name="request">What the rules may look at.</param>
    /// <param name="cancellationToken">Ends waiting; a load that nobody else waits for is given up.</param>
    /// <returns>The model, held until this is disposed.</returns>
    /// <exception cref="UnknownModelException">There is no model of that name.</exception>
    /// <exception cref="QueueFullException">As many requests as may wait for this model do so already.</exception>
    /// <exception cref="ModelMemoryException">It does not fit into the budget, or not in time.</exception>
    /// <exception cref="AbiException">It cannot be loaded. The next request tries again.</exception>
    public async ValueTask<ModelLease> AcquireAsync(ModelRouteContext request, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(request);
        var hosted = Resolve(request);
        await EnterAsync(hosted, cancellationToken).ConfigureAwait(false);
        try
        {
            return new ModelLease(this, hosted, await LoadAsync(hosted, cancellationToken).ConfigureAwait(false));
        }
        catch
        {
            Release(hosted);
            throw;
        }
    }

    /// <summary>The model that the names and rules give to a request.</summary>
    /// <param name="request">What the rules may look at.</param>
    /// <returns>Its name in the host.</returns>
    /// <exception cref="UnknownModelException">There is none.</exception>
    public string Route(ModelRouteContext request)
    {
        ArgumentNullException.ThrowIfNull(request);
        return Resolve(request).Name;
    }

    /// <summary>Generates text after a prompt, piece by piece, holding the model meanwhile.</summary>
    /// <param name="name">The model; null for the default.</param>
    /// <param name="prompt">The text to continue.</param>
    /// <param name="options">What to do; unset, the model's defaults.</param>
    /// <param name="cancellationToken">Ends it.</param>
    public async IAsyncEnumerable<GeneratedPiece> GenerateAsync(
        string? name, string prompt, GenerationOptions? options = null, [EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        using var lease = await AcquireAsync(name, cancellationToken).ConfigureAwait(false);
        await foreach (var piece in lease.Model.GenerateAsync(prompt, options ?? lease.Defaults, cancellationToken).ConfigureAwait(false))
        {
            yield return piece;
        }
    }

    /// <summary>Generates the whole text after a prompt, holding the model meanwhile.</summary>
    /// <param name="name">The model; null for the default.</param>
    /// <param name="prompt">The text to continue.</param>
    /// <param name="options">What to do; unset, the model's defaults.</param>
    /// <param name="cancellationToken">Ends it.</param>
    public async Task<GenerationResult> CompleteAsync(string? name, string prompt, GenerationOptions? options = null, CancellationToken cancellationToken = default)
    {
        using var lease = await AcquireAsync(name, cancellationToken).ConfigureAwait(false);
        return await lease.Model.CompleteAsync(prompt, options ?? lease.Defaults, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>
    /// The host as a chat client: each request holds the model that its <see cref="ChatOptions.ModelId"/> names, or else this one, while it runs. Nothing is loaded before.
    /// </summary>
    /// <param name="name">The model of requests that name none; null to leave them to the rules and the default.</param>
    /// <exception cref="UnknownModelException">A name was given, and nothing of it leads to a model.</exception>
    public IChatClient GetChatClient(string? name = null)
    {
        Check(name, ModelPurpose.Chat);
        return new HostedChatClient(this, name);
    }

    /// <summary>
    /// The host as a generator of embeddings: each request holds the model that its <see cref="EmbeddingGenerationOptions.ModelId"/> names, or else this one, while it runs. Nothing is loaded before.
    /// </summary>
    /// <param name="name">The model of requests that name none; null to leave them to the rules and the default.</param>
    /// <exception cref="UnknownModelException">A name was given, and nothing of it leads to a model.</exception>
    public IEmbeddingGenerator<string, Embedding<float>> GetEmbeddingGenerator(string? name = null)
    {
        Check(name, ModelPurpose.Embeddings);
        return new HostedEmbeddingGenerator(this, name);
    }

    /// <summary>Adds a model while the host runs.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="options">Which model, and how it is run. Pinned, it stays once a request has loaded it.</param>
    /// <exception cref="ArgumentException">The name is taken, or an option is out of its range.</exception>
    public void Add(string name, HostedModelOptions options)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(name);
        ArgumentNullException.ThrowIfNull(options);
        foreach (var (key, found, expected) in Configuration.ModelHostOptionKeys.FindProblems(name, options))
        {
            throw new ArgumentException($"{key} is '{found}', but {expected} was expected.", nameof(options));
        }

        lock (_gate)
        {
            if (_aliases.ContainsKey(name) || !_models.TryAdd(name, new HostedModel(name, options)))
            {
                throw new ArgumentException($"The host has a model or an alias '{name}' already. Remove it first, or take another name.", nameof(name));
            }
        }
    }

    /// <summary>Takes a model out of the host: no request gets it any more, and it is unloaded when those that hold it have ended.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="cancellationToken">Ends waiting; it is taken out all the same, and unloaded with the host.</param>
    /// <exception cref="UnknownModelException">There is no model of that name.</exception>
    public Task RemoveAsync(string name, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(name);
        HostedModel? hosted;
        lock (_gate)
        {
            if (!_models.Remove(name, out hosted))
            {
                throw Unknown(name);
            }

            _removed.Add(hosted);
        }

        return UnloadAsync(hosted, cancellationToken);
    }

    /// <summary>Loads a model before a request wants it.</summary>
    /// <param name="name">Its name, an alias, or what a rule takes.</param>
    /// <param name="cancellationToken">Ends it.</param>
    /// <exception cref="UnknownModelException">There is no model of that name.</exception>
    /// <exception cref="ModelMemoryException">It does not fit into the budget, or not in time.</exception>
    public async Task LoadAsync(string name, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(name);
        using var lease = await AcquireAsync(name, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Unloads a model, pinned or not, once the requests that hold it have ended. The next request loads it again.</summary>
    /// <param name="name">Its name, an alias, or what a rule takes.</param>
    /// <param name="cancellationToken">Ends waiting; the model stays then.</param>
    /// <exception cref="UnknownModelException">There is no model of that name.</exception>
    public Task UnloadAsync(string name, CancellationToken cancellationToken = default)
    {
        ArgumentException.ThrowIfNullOrEmpty(name);
        return UnloadAsync(Resolve(new ModelRouteContext { Name = name }), cancellationToken);
    }

    /// <summary>Loads the models that are pinned; the framework calls it.</summary>
    public async Task StartAsync(CancellationToken cancellationToken)
    {
        HostedModel[] pinned;
        lock (_gate)
        {
            ObjectDisposedException.ThrowIf(_isDisposed, this);
            _isStopped = false;
            pinned = [.. _models.Values.Where(hosted => hosted.Options.IsPinned)];
        }

        try
        {
            foreach (var hosted in pinned)
            {
                (await AcquireAsync(hosted.Name, cancellationToken).ConfigureAwait(false)).Dispose();
            }
        }
        catch
        {
            await StopAsync(CancellationToken.None).ConfigureAwait(false);
            throw;
        }
    }

    /// <summary>Ends the requests that run and unloads every model; the framework calls it.</summary>
    public async Task StopAsync(CancellationToken cancellationToken)
    {
        Task[] unloading;
        lock (_gate)
        {
            _isStopped = true;
            foreach (var hosted in _models.Values.Concat(_removed))
            {
                foreach (var waiting in hosted.Waiting)
                {
                    waiting.TrySetException(Stopped());
                }

                hosted.Waiting.Clear();
                if (hosted.Loading is not null)
                {
                    _ = BeginUnload(hosted);
                }
            }

            unloading = [.. _models.Values.Concat(_removed).Select(hosted => hosted.Unloading).OfType<Task>()];
            Changed();
        }

        await Task.WhenAll(unloading).ConfigureAwait(false);
    }

    /// <summary>Says which models are loaded and able to compute, and what they take.</summary>
    public Task<FeatureHealth> HealthAsync(CancellationToken cancellationToken)
    {
        lock (_gate)
        {
            var loaded = _models.Values.Where(hosted => hosted.State == HostedModelState.Loaded).OrderBy(hosted => hosted.Name, StringComparer.Ordinal).ToList();
            var budget = _options.MemoryBudget is { } bytes ? string.Create(CultureInfo.InvariantCulture, $" of {bytes >> 20}") : "";
            var text = string.Create(CultureInfo.InvariantCulture, $"{loaded.Count} of {_models.Count} models loaded ({string.Join(", ", loaded.Select(hosted => hosted.Name))}), {Total() >> 20}{budget} MB in use.");
            var failed = loaded.Find(hosted => hosted.Model?.Engine.Failure is not null);
            return Task.FromResult(failed is null
                ? new FeatureHealth(FeatureHealthStatus.Healthy, text)
                : new FeatureHealth(FeatureHealthStatus.Degraded, $"{text} The engine of '{failed.Name}' failed; it is loaded anew when nobody holds it: {failed.Model!.Engine.Failure!.Message}", failed.Model.Engine.Failure));
        }
    }

    /// <summary>Ends the requests that run and unloads every model; never throws, and may be called again.</summary>
    public async ValueTask DisposeAsync()
    {
        ITimer? timer;
        lock (_gate)
        {
            _isDisposed = true;
            (timer, _timer) = (_timer, null);
        }

        timer?.Dispose();
        await StopAsync(CancellationToken.None).ConfigureAwait(false);
    }

    /// <summary>Ends the requests that run and unloads every model; never throws, and may be called again.</summary>
    public void Dispose() => Task.Run(() => DisposeAsync().AsTask()).GetAwaiter().GetResult();

    private void Check(string? name, ModelPurpose purpose)
    {
        if (name is not null)
        {
            Resolve(new ModelRouteContext { Name = name, Purpose = purpose });
        }
    }

    private HostedModel Resolve(ModelRouteContext request)
    {
        if (!string.IsNullOrEmpty(request.Name))
        {
            lock (_gate)
            {
                if (Find(request.Name) is { } named)
                {
                    return named;
                }
            }
        }

        foreach (var route in _routes)
        {
            if (route.Apply(request) is { } target)
            {
                lock (_gate)
                {
                    return Find(target) ?? throw Unknown(target);
                }
            }
        }

        lock (_gate)
        {
            if (!string.IsNullOrEmpty(request.Name))
            {
                throw Unknown(request.Name);
            }

            return _options.Default is { } name ? Find(name) ?? throw Unknown(name)
                : _models.Count == 1 ? _models.Values.Single()
                : throw Unknown(null);
        }
    }

    /// <summary>The model of a name or alias, or null. Under the lock.</summary>
    private HostedModel? Find(string name)
    {
        for (var hops = 0; hops <= _aliases.Count; hops++)
        {
            if (_models.TryGetValue(name, out var hosted))
            {
                return hosted;
            }

            if (!_aliases.TryGetValue(name, out name!))
            {
                return null;
            }
        }

        return null;
    }

    private UnknownModelException Unknown(string? name) => new(name, [.. _models.Keys.Order(StringComparer.Ordinal)]);

    private InvalidOperationException Stopped() =>
        _isDisposed ? new ObjectDisposedException(nameof(ModelHost)) : new InvalidOperationException($"The model host is stopped: it gives models between start and stop of {nameof(AbiFramework)} (or of the host).");
}
