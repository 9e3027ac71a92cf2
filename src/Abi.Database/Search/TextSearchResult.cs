using System.Collections.Immutable;

namespace Abi.Database;

/// <summary>A record that a search by words found.</summary>
/// <param name="Record">The record.</param>
/// <param name="Score">The sum over fields of their boost times their BM25 score.</param>
public sealed record TextSearchResult<TRecord>(TRecord Record, double Score)
{
    /// <summary>What was found, field by field, when it was asked for.</summary>
    public ImmutableArray<TextHighlight> Highlights { get; init; } = [];
}
