using Abi.Llm.Models;

namespace Abi.Llm;

/// <summary>How texts become vectors.</summary>
/// <remarks>Immutable and thread-safe.</remarks>
public sealed record EmbeddingOptions
{
    /// <summary>How the vectors of tokens become one; unset, as the model's file declares (<see cref="ModelDefinition.DefaultPooling"/>). Where it declares none, as most decoders, each token keeps its vector (<see cref="EmbeddingResult.Rows"/>): choose <see cref="EmbeddingPooling.Mean"/> or <see cref="EmbeddingPooling.Last"/> for one vector of the text.</summary>
    public EmbeddingPooling? Pooling { get; init; }

    /// <summary>Whether each vector is scaled to the length 1. A vector of zeros stays one.</summary>
    public bool Normalize { get; init; }

    /// <summary>Keeps so many of the first components, before normalising: for models that were trained to be cut. Unset keeps all.</summary>
    public int? Dimensions { get; init; }

    /// <summary>Whether a text that is longer than the context loses its end, but for the closing special token; off, it is a <see cref="ContextFullException"/>.</summary>
    public bool Truncate { get; init; }

    /// <summary>Whether the tokenizer adds its special tokens as the model declares.</summary>
    public bool AddSpecialTokens { get; init; } = true;

    /// <summary>Whether special tokens written in the text count as such. Off for text that is not yours.</summary>
    public bool ParseSpecialTokens { get; init; }

    /// <summary>Throws when an option is out of its range.</summary>
    /// <exception cref="ArgumentException">The option is named.</exception>
    public void Validate()
    {
        if (Pooling is { } pooling && !Enum.IsDefined(pooling))
        {
            throw new ArgumentException($"{nameof(Pooling)} is {pooling}; it must be one of {string.Join(", ", Enum.GetNames<EmbeddingPooling>())}, or unset.");
        }

        if (Dimensions is <= 0)
        {
            throw new ArgumentException($"{nameof(Dimensions)} is {Dimensions}; it must be 1 or more, or unset.");
        }
    }
}
