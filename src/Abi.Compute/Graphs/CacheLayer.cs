namespace Abi.Compute.Graphs;

/// <summary>A layer of positional state: keys and values by position.</summary>
/// <param name="Index">The layer's number in the state layout, from 0.</param>
/// <param name="Group">Layers of a group share page tables and lengths: 0 the sequence's own tokens, further ones as the model declares (an encoder's output, for cross-attention).</param>
/// <param name="Heads">Key/value heads.</param>
/// <param name="KeySize">The floats of one key.</param>
/// <param name="ValueSize">The floats of one value.</param>
/// <param name="Window">How far back anything reads, the token itself included; 0 for all. Older pages may be given back.</param>
public sealed record CacheLayer(int Index, int Group, int Heads, int KeySize, int ValueSize, int Window = 0);
