using System.Globalization;
using Abi.Llm.Configuration;
using Abi.Llm.Hosting;

namespace Abi.Llm;

/// <summary>The feature Llm: one loaded model with the life of the framework, reached as <c>abi.Llm</c> or injected.</summary>
/// <remarks>Thread-safe. Stopping ends the generations that run: their readers get an exception.</remarks>
public sealed class LlmFeature : IAbiFeature, IAsyncDisposable, IDisposable
{
    internal const string FeatureName = "Llm";

    private readonly Lock _gate = new();
    private readonly IServiceProvider _services;
    private readonly LlmOptions _options;
    private CancellationTokenSource? _loadCancellation;
    private Task<LanguageModel>? _loading;
    private ModelLease? _lease; // the model belongs to a host
    private bool _isStopped;
    private bool _isDisposed;

    internal LlmFeature(IServiceProvider services, LlmOptions options)
    {
        _services = services;
        _options = options;
        Defaults = ModelLoading.Defaults(options);
    }

    /// <summary>The name of the feature: <c>Llm</c>.</summary>
    public string Name => FeatureName;

    /// <summary>What a generation does that is given no options of its own; start from it (<c>Defaults with { … }</c>) to change one.</summary>
    public GenerationOptions Defaults { get; }

    /// <summary>The loaded model.</summary>
    /// <exception cref="InvalidOperationException">The framework does not run.</exception>
    public LanguageModel Model
    {
        get
        {
            lock (_gate)
            {
                ObjectDisposedException.ThrowIf(_isDisposed, this);
                return _loading is { IsCompletedSuccessfully: true } loaded && !_isStopped
                    ? loaded.Result
                    : throw new InvalidOperationException($"The language model is {(_isStopped ? "unloaded again" : "not loaded yet")}: it is there between start and stop of {nameof(AbiFramework)} (or of the host).");
            }
        }
    }

    /// <summary>Generates text after a prompt, piece by piece; the last piece carries the outcome.</summary>
    /// <param name="prompt">The text to continue; for an encoder-decoder model, the input.</param>
    /// <param name="options">What to do; unset, <see cref="Defaults"/>.</param>
    /// <param name="cancellationToken">Ends it within a token, or within a block of the prompt.</param>
    /// <exception cref="ContextFullException">The text outgrew the context and the policy is to say so.</exception>
    public IAsyncEnumerable<GeneratedPiece> GenerateAsync(string prompt, GenerationOptions? options = null, CancellationToken cancellationToken = default) =>
        Model.GenerateAsync(prompt, options ?? Defaults, cancellationToken);

    /// <summary>Generates the whole text after a prompt.</summary>
    /// <param name="prompt">The text to continue; for an encoder-decoder model, the input.</param>
    /// <param name="options">What to do; unset, <see cref="Defaults"/>.</param>
    /// <param name="cancellationToken">Ends it within a token, or within a block of the prompt.</param>
    /// <exception cref="ContextFullException">The text outgrew the context and the policy is to say so.</exception>
    public Task<GenerationResult> CompleteAsync(
        string prompt, GenerationOptions? options = null, CancellationToken cancellationToken = default) =>
        Model.CompleteAsync(prompt, options ?? Defaults, cancellationToken);

    /// <summary>Turns a text into a vector, or into a vector for each token.</summary>
    /// <param name="text">The text.</param>
    /// <param name="options">What to do.</param>
    /// <param name="cancellationToken">Ends it.</param>
    /// <exception cref="ContextFullException">The text is longer than the context, and is not to be truncated.</exception>
    public Task<EmbeddingResult> EmbedAsync(string text, EmbeddingOptions? options = null, CancellationToken cancellationToken = default) => Model.EmbedAsync(text, options, cancellationToken);

    /// <summary>Makes a text that is kept between generations.</summary>
    public InferenceSession CreateSession() => Model.CreateSession();

    /// <summary>Loads the model; the framework calls it.</summary>
    /// <exception cref="ModelFormatException">The file is broken.</exception>
    /// <exception cref="UnsupportedModelException">The architecture or a format in it is not supported.</exception>
    /// <exception cref="AbiException">The file cannot be found or opened, or there is not enough memory.</exception>
    public async Task StartAsync(CancellationToken cancellationToken)
    {
        Task<LanguageModel> loading;
        CancellationTokenSource cancellation;
        lock (_gate)
        {
            _isStopped = false;
            loading = Load();
            cancellation = _loadCancellation!;
        }

        try
        {
            using (cancellationToken.UnsafeRegister(static source => ((CancellationTokenSource)source!).Cancel(), cancellation))
            {
                await loading.ConfigureAwait(false);
            }
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            await UnloadAsync().ConfigureAwait(false);
            throw new OperationCanceledException(cancellationToken);
        }
        catch
        {
            await UnloadAsync().ConfigureAwait(false);
            throw;
        }
    }

    /// <summary>Ends the generations that run and unloads the model; the framework calls it.</summary>
    public async Task StopAsync(CancellationToken cancellationToken)
    {
        lock (_gate)
        {
            _isStopped = true;
        }

        await UnloadAsync().ConfigureAwait(false);
    }

    /// <summary>Says whether the model is loaded and able to compute, on which device, and what the engine holds.</summary>
    public Task<FeatureHealth> HealthAsync(CancellationToken cancellationToken)
    {
        LanguageModel? model;
        lock (_gate)
        {
            model = _loading is { IsCompletedSuccessfully: true } loaded && !_isStopped ? loaded.Result : null;
        }

        return Task.FromResult(model is null ? new FeatureHealth(FeatureHealthStatus.Unhealthy, "The model is not loaded.") : HealthOf(model));
    }

    /// <summary>Unloads the model; never throws, and may be called again.</summary>
    public async ValueTask DisposeAsync()
    {
        lock (_gate)
        {
            _isDisposed = true;
        }

        await UnloadAsync().ConfigureAwait(false);
    }

    /// <summary>Unloads the model; never throws, and may be called again.</summary>
    public void Dispose() => DisposeAsync().AsTask().GetAwaiter().GetResult();

    /// <summary>The host that the model belongs to; null when it is this feature's own.</summary>
    internal ModelHost? Host { get; init; }

    /// <summary>The model's name in <see cref="Host"/>.</summary>
    internal string? HostedName { get; init; }

    /// <summary>How the model is used as a generator of embeddings.</summary>
    internal Chat.AbiEmbeddingGeneratorOptions EmbeddingOptions => _options.Embeddings;

    /// <summary>How the model is used as a chat client, with the template that the options name.</summary>
    /// <exception cref="Chat.ChatTemplateException">The template is not valid Jinja.</exception>
    internal Chat.AbiChatClientOptions ChatOptions => ModelLoading.Chat(_options, LoadForInjection);

    /// <summary>The model for a service that asks for it, perhaps before the host starts the features: then it is loaded here.</summary>
    internal LanguageModel LoadForInjection()
    {
        Task<LanguageModel> loading;
        lock (_gate)
        {
            if (_isStopped)
            {
                return Model; // throws, saying so
            }

            loading = Load();
        }

        return loading.GetAwaiter().GetResult();
    }

    /// <summary>Begins loading unless it has begun. Under the lock.</summary>
    private Task<LanguageModel> Load()
    {
        ObjectDisposedException.ThrowIf(_isDisposed, this);
        if (_loading is null)
        {
            _loadCancellation = new CancellationTokenSource();
            var token = _loadCancellation.Token;
            _loading = Host is not null ? Task.Run(() => HoldAsync(token), token) : Task.Run(() => LanguageModel.LoadAsync(ModelLocator.Find(_options.Model, _options.ModelFolder), ModelLoading.Options(_options, _services), _options.Progress, token), token);
        }

        return _loading;
    }

    private async Task<LanguageModel> HoldAsync(CancellationToken cancellationToken)
    {
        _lease = await Host!.AcquireAsync(HostedName, cancellationToken).ConfigureAwait(false);
        return _lease.Model;
    }

    private async Task UnloadAsync()
    {
        Task<LanguageModel>? loading;
        CancellationTokenSource? cancellation;
        lock (_gate)
        {
            (loading, _loading) = (_loading, null);
            (cancellation, _loadCancellation) = (_loadCancellation, null);
        }

        if (loading is null)
        {
            return;
        }

        await cancellation!.CancelAsync().ConfigureAwait(false);
        try
        {
            var model = await loading.ConfigureAwait(false);
            if (_lease is { } lease)
            {
                _lease = null;
                lease.Dispose();
            }
            else
            {
                await model.DisposeAsync().ConfigureAwait(false);
            }
        }
        catch (Exception)
        {
            // It did not load, so there is nothing to unload; who waited for it has been told.
        }

        cancellation.Dispose();
    }

    private static FeatureHealth HealthOf(LanguageModel model)
    {
        var name = $"{Path.GetFileName(model.Path)} ({model.Definition.Architecture}) on {model.DeviceName}";
        if (model.Engine.Failure is { } failure)
        {
            return new FeatureHealth(FeatureHealthStatus.Unhealthy, $"{name}: the engine failed; stop and start again. {failure.Message}", failure);
        }

        var now = model.Engine.Statistics;
        return new FeatureHealth(FeatureHealthStatus.Healthy, string.Create(
            CultureInfo.InvariantCulture,
            $"{name}: context {model.ContextLength} tokens, {now.Active} requests running, {now.Waiting} waiting, {now.UsedStateBytes >> 20} of {now.TotalStateBytes >> 20} MB of state in use."));
    }
}
