using Abi.Llm.Models;
using Abi.Llm.Telemetry;
using Microsoft.Extensions.AI;

namespace Abi.Llm.Chat;

/// <summary>A loaded model as an <see cref="IEmbeddingGenerator{TInput, TEmbedding}"/>: the pooling that the model declares, batches through the shared engine, usage.</summary>
/// <remarks>Thread-safe: any number of requests at once share the model. Options are not changed.</remarks>
public sealed class AbiEmbeddingGenerator : IEmbeddingGenerator<string, Embedding<float>>
{
    private readonly Func<LanguageModel> _model;
    private readonly AbiEmbeddingGeneratorOptions _options;
    private readonly EmbeddingGeneratorMetadata _metadata;
    private readonly string _modelId;
    private readonly int _width;

    /// <summary>Makes a generator of a model.</summary>
    /// <param name="model">The model; it must outlive the generator.</param>
    /// <param name="options">How it is used.</param>
    public AbiEmbeddingGenerator(LanguageModel model, AbiEmbeddingGeneratorOptions? options = null)
        : this(() => model, model ?? throw new ArgumentNullException(nameof(model)), options)
    {
    }

    internal AbiEmbeddingGenerator(Func<LanguageModel> current, LanguageModel model, AbiEmbeddingGeneratorOptions? options)
    {
        _model = current;
        _options = options ?? new AbiEmbeddingGeneratorOptions();
        _options.Embedding.Validate();
        _modelId = _options.ModelId ?? ModelNames.Of(model);
        _width = model.Definition.Hyperparameters.EmbeddingLength;
        _metadata = new EmbeddingGeneratorMetadata(LlmTelemetry.Provider, defaultModelId: _modelId, defaultModelDimensions: _options.Embedding.Dimensions ?? _width);
    }

    /// <summary>Turns texts into vectors, one for each text, in order.</summary>
    /// <param name="values">The texts.</param>
    /// <param name="options">Honoured or refused by name; <see cref="EmbeddingGenerationOptions.AdditionalProperties"/> may hold <c>pooling</c>, <c>normalize</c> and <c>truncate</c>.</param>
    /// <param name="cancellationToken">Ends it.</param>
    /// <exception cref="ChatOptionException">A member of the options cannot be honoured; it is named.</exception>
    /// <exception cref="ContextFullException">A text is longer than the context, and is not to be truncated.</exception>
    public async Task<GeneratedEmbeddings<Embedding<float>>> GenerateAsync(IEnumerable<string> values, EmbeddingGenerationOptions? options = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(values);
        using var recorder = new EmbeddingRecorder(_modelId);
        try
        {
            var model = _model();
            var embedding = Read(options, model);
            var created = _options.TimeProvider.GetUtcNow();
            var results = await model.EmbedAsync([.. values], embedding, cancellationToken).ConfigureAwait(false);
            var tokens = results.Sum(static result => (long)result.TokenCount);
            recorder.Response(tokens, embedding.Dimensions ?? _width);
            return new GeneratedEmbeddings<Embedding<float>>(results.Select(result => new Embedding<float>(result.Values) { CreatedAt = created, ModelId = _modelId }))
            {
                Usage = new UsageDetails { InputTokenCount = tokens, TotalTokenCount = tokens },
            };
        }
        catch (Exception exception)
        {
            recorder.Fail(exception);
            throw;
        }
    }

    /// <summary>The generator itself, its <see cref="EmbeddingGeneratorMetadata"/> or the <see cref="LanguageModel"/>; null for anything else, and for any key.</summary>
    public object? GetService(Type serviceType, object? serviceKey = null)
    {
        ArgumentNullException.ThrowIfNull(serviceType);
        return serviceKey is not null ? null
            : serviceType == typeof(EmbeddingGeneratorMetadata) ? _metadata
            : serviceType.IsInstanceOfType(this) ? this
            : serviceType == typeof(LanguageModel) ? _model()
            : null;
    }

    /// <summary>Disposes the model if the options say that the generator owns it; a second call does nothing.</summary>
    public void Dispose()
    {
        if (_options.OwnsModel)
        {
            _model().Dispose();
        }
    }

    private EmbeddingOptions Read(EmbeddingGenerationOptions? options, LanguageModel model)
    {
        var embedding = _options.Embedding;
        if (options is not null)
        {
            if (options.ModelId is { } asked && !string.Equals(asked, _modelId, StringComparison.OrdinalIgnoreCase))
            {
                throw Refused(nameof(options.ModelId), $"this generator embeds with the model '{_modelId}', not '{asked}'. Leave it unset, or ask the generator of that model.");
            }

            if (options.RawRepresentationFactory is { } factory && factory(this) is { } raw)
            {
                embedding = raw as EmbeddingOptions
                    ?? throw Refused(nameof(options.RawRepresentationFactory), $"it made a {raw.GetType().Name}; this generator takes {nameof(EmbeddingOptions)} (or null).");
            }

            if (options.Dimensions is { } dimensions)
            {
                embedding = dimensions >= 1 && dimensions <= _width
                    ? embedding with { Dimensions = dimensions }
                    : throw Refused(nameof(options.Dimensions), $"it is {dimensions}; the model's vectors have {_width} components, of which the first 1 to {_width} can be kept.");
            }

            embedding = Additional(options.AdditionalProperties, embedding);
        }

        var pooling = embedding.Pooling ?? model.Definition.DefaultPooling;
        return pooling is EmbeddingPooling.None or EmbeddingPooling.Rank
            ? throw Refused(
                $"{nameof(options.AdditionalProperties)}[\"pooling\"]",
                $"the pooling is {pooling}{(embedding.Pooling is null ? ", as nothing chose one" : "")}, which gives no single vector of a text. The model does not declare another: choose Mean, Cls or Last here, in {nameof(AbiEmbeddingGeneratorOptions)}.{nameof(AbiEmbeddingGeneratorOptions.Embedding)}, or in the option {nameof(LlmOptions.Embeddings)} of AddLlm.")
            : embedding;
    }

    private EmbeddingOptions Additional(AdditionalPropertiesDictionary? properties, EmbeddingOptions embedding)
    {
        foreach (var (key, value) in properties ?? [])
        {
            switch (key)
            {
                case "pooling":
                    embedding = embedding with
                    {
                        Pooling = value as EmbeddingPooling? ?? (Enum.TryParse<EmbeddingPooling>(value?.ToString(), ignoreCase: true, out var pooling) && Enum.IsDefined(pooling)
                            ? pooling
                            : throw Refused($"{nameof(EmbeddingGenerationOptions.AdditionalProperties)}[\"pooling\"]", $"'{value}' is not one of {string.Join(", ", Enum.GetNames<EmbeddingPooling>())}.")),
                    };
                    break;
                case "normalize": embedding = embedding with { Normalize = Flag(key, value) }; break;
                case "truncate": embedding = embedding with { Truncate = Flag(key, value) }; break;
                default:
                    if (!_options.IgnoreUnknownProperties)
                    {
                        throw Refused($"{nameof(EmbeddingGenerationOptions.AdditionalProperties)}[\"{key}\"]", "there is no such key. There are: normalize, pooling, truncate.");
                    }

                    break;
            }
        }

        return embedding;
    }

    private static bool Flag(string key, object? value) => bool.TryParse(value?.ToString(), out var flag)
        ? flag
        : throw Refused($"{nameof(EmbeddingGenerationOptions.AdditionalProperties)}[\"{key}\"]", $"'{value}' is neither true nor false.");

    private static ChatOptionException Refused(string member, string message) => new($"{nameof(EmbeddingGenerationOptions)}.{member}", message);
}
