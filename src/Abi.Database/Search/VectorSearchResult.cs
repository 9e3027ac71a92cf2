namespace Abi.Database;

/// <summary>A record that a search by a vector found.</summary>
/// <param name="Record">The record.</param>
/// <param name="Score">The value of the field's distance function.</param>
public sealed record VectorSearchResult<TRecord>(TRecord Record, double Score);
