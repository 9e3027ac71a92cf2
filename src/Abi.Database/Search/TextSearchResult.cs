namespace Abi.Database;

/// <summary>A record that a search by words found.</summary>
/// <param name="Record">The record.</param>
/// <param name="Score">The sum over fields of their boost times their BM25 score (k1 = 1.2, b = 0.75).</param>
public sealed record TextSearchResult<TRecord>(TRecord Record, double Score);
