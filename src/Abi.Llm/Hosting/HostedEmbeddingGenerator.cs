using Abi.Llm.Telemetry;
using Microsoft.Extensions.AI;

namespace Abi.Llm.Hosting;

/// <summary>A host's models as one generator of embeddings: every request holds the model that its <see cref="EmbeddingGenerationOptions.ModelId"/>, or else the generator, names.</summary>
/// <remarks>Thread-safe.</remarks>
internal sealed class HostedEmbeddingGenerator(ModelHost host, string? name) : IEmbeddingGenerator<string, Embedding<float>>
{
    private readonly EmbeddingGeneratorMetadata _metadata = new(LlmTelemetry.Provider, defaultModelId: name);

    public async Task<GeneratedEmbeddings<Embedding<float>>> GenerateAsync(IEnumerable<string> values, EmbeddingGenerationOptions? options = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(values);
        IReadOnlyList<string> texts = values as IReadOnlyList<string> ?? [.. values];
        using var lease = await host.AcquireAsync(new ModelRouteContext { Name = options?.ModelId ?? name, Purpose = ModelPurpose.Embeddings, Texts = texts }, cancellationToken).ConfigureAwait(false);
        if (options?.ModelId is not null)
        {
            options = options.Clone();
            options.ModelId = null; // honoured
        }

        return await lease.Embeddings.GenerateAsync(texts, options, cancellationToken).ConfigureAwait(false);
    }

    public object? GetService(Type serviceType, object? serviceKey = null)
    {
        ArgumentNullException.ThrowIfNull(serviceType);
        return serviceKey is not null ? null
            : serviceType == typeof(EmbeddingGeneratorMetadata) ? _metadata
            : serviceType == typeof(ModelHost) ? host
            : serviceType.IsInstanceOfType(this) ? this
            : null;
    }

    public void Dispose()
    {
        // the host owns the models
    }
}
