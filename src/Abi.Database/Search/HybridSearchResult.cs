using System.Collections.Immutable;

namespace Abi.Database;

/// <summary>A record that a hybrid search found.</summary>
/// <param name="Record">The record.</param>
/// <param name="Score">The fused score: greater is better.</param>
/// <param name="VectorScore">The value of the field's distance function; null when the record is not in the list by vector.</param>
/// <param name="TextScore">The BM25 score; null when the record is not in the list by words.</param>
public sealed record HybridSearchResult<TRecord>(TRecord Record, double Score, double? VectorScore, double? TextScore)
{
    /// <summary>Which words were found, field by field, when it was asked for.</summary>
    public ImmutableArray<TextHighlight> Highlights { get; init; } = [];
}
