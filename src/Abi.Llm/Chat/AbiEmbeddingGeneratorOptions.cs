namespace Abi.Llm.Chat;

/// <summary>How a model is used as an <c>IEmbeddingGenerator&lt;string, Embedding&lt;float&gt;&gt;</c>.</summary>
/// <remarks>Immutable and thread-safe.</remarks>
public sealed record AbiEmbeddingGeneratorOptions
{
    /// <summary>The name that embeddings carry and requests may ask for; unset, the name in the model's metadata, or else of its file.</summary>
    public string? ModelId { get; init; }

    /// <summary>What a request's options start from: pooling as the model declares, scaled to the length 1.</summary>
    public EmbeddingOptions Embedding { get; init; } = new() { Normalize = true };

    /// <summary>Whether keys of <c>EmbeddingGenerationOptions.AdditionalProperties</c> that are not known are passed over; otherwise they are refused by name.</summary>
    public bool IgnoreUnknownProperties { get; init; }

    /// <summary>Whether disposing the generator disposes the model.</summary>
    public bool OwnsModel { get; init; }

    /// <summary>What dates embeddings.</summary>
    public TimeProvider TimeProvider { get; init; } = TimeProvider.System;
}
