using System.Collections.Immutable;

namespace Abi.Cli.Output;

/// <summary>What a text became: one vector, or without pooling a vector for each token.</summary>
internal sealed record EmbedResult(string Pooling, int Tokens, float[]? Embedding, ImmutableArray<float[]>? Embeddings);
