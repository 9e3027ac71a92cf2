using Abi.Llm.Sampling;
using Abi.Llm.Tokenizers;

namespace Abi.Llm.Chat;

/// <summary>What a chat client needs of a model.</summary>
/// <remarks>Thread-safe.</remarks>
internal interface IChatBackend : IDisposable
{
    Tokenizer Tokenizer { get; }

    /// <summary>The most tokens of prompt and response together; null when they do not share a limit.</summary>
    int? ContextLength { get; }

    /// <summary>What the model's file recommends to sample with.</summary>
    SamplingOptions RecommendedSampling { get; }

    /// <summary>Generates after a prompt; the last piece carries the outcome.</summary>
    IAsyncEnumerable<GeneratedPiece> GenerateAsync(ReadOnlyMemory<int> promptIds, GenerationOptions options, CancellationToken cancellationToken);

    /// <summary>A service of the model, or null.</summary>
    object? GetService(Type type);
}
