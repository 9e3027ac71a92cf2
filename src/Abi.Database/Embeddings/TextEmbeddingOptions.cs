using Microsoft.Extensions.AI;

namespace Abi.Database;

/// <summary>How a database embeds texts.</summary>
/// <remarks>Immutable and thread-safe, but for what <see cref="Generation"/> holds.</remarks>
public sealed record TextEmbeddingOptions
{
    /// <summary>How many texts the generator gets in one call, from 1 to 65,536.</summary>
    public int BatchSize { get; init; } = 64;

    /// <summary>What is put before the text of a record, for models that were trained with a mark on it (<c>passage: </c> for E5).</summary>
    public string DocumentPrefix { get; init; } = "";

    /// <summary>What is put before the text of a search (<c>query: </c> for E5).</summary>
    public string QueryPrefix { get; init; } = "";

    /// <summary>What the generator gets with every call: the dimensions of models that can be cut, for one. Unset, nothing.</summary>
    public EmbeddingGenerationOptions? Generation { get; init; }

    internal void Validate()
    {
        if (BatchSize is < 1 or > 65_536)
        {
            throw new ArgumentException($"BatchSize is {BatchSize}; it must be from 1 to 65,536.");
        }

        ArgumentNullException.ThrowIfNull(DocumentPrefix);
        ArgumentNullException.ThrowIfNull(QueryPrefix);
    }
}
