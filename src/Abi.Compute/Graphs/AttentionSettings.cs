using Abi.Compute.Tensors;

namespace Abi.Compute.Graphs;

/// <summary>What a token may attend to, and how scores are formed.</summary>
public sealed record AttentionSettings
{
    /// <summary>The number of query heads.</summary>
    public required int Heads { get; init; }

    /// <summary>What scores are multiplied by, most often <c>1 / √(key size)</c>.</summary>
    public required float Scale { get; init; }

    /// <summary>Whether a token sees only itself and what was before; false for cross-attention over an encoder's output.</summary>
    public bool Causal { get; init; } = true;

    /// <summary>How many positions a token sees, itself included; 0 for all. With <see cref="Causal"/> false, the window is centred (ModernBERT): half of it on either side.</summary>
    public int Window { get; init; }

    /// <summary>Whether the window is a chunk (Llama 4): a token sees positions from <c>p − p mod Window</c> on.</summary>
    public bool ChunkedWindow { get; init; }

    /// <summary><c>cap × tanh(score / cap)</c>; 0 for none.</summary>
    public float SoftCap { get; init; }

    /// <summary>ALiBi's greatest bias (paper: Press et al. 2021); 0 for none. Slopes as ggml's: for heads up to the greatest power of two, powers of <c>2^(−bias/n)</c>; the rest between them.</summary>
    public float AlibiMaxBias { get; init; }

    /// <summary>Learned biases by bucketed distance (paper: Raffel et al. 2020), [buckets, heads] (GGUF shape [heads, buckets]), or null.</summary>
    public WeightTensor? RelativeBias { get; init; }

    /// <summary>Whether relative buckets tell before from after.</summary>
    public bool RelativeBidirectional { get; init; }

    /// <summary>One extra logit for each head that takes part in the softmax but has no value (gpt-oss), [heads], or null.</summary>
    public WeightTensor? Sinks { get; init; }
}
