using Abi.Compute.Tensors;

namespace Abi.Compute.Graphs;

/// <summary>
/// A rotary embedding and its scalings: linear (<see cref="FrequencyScale"/> = 1 / factor), NTK (a larger <see cref="FrequencyBase"/>), YaRN (paper: Peng et al. 2023) and Llama 3's factors.
/// </summary>
/// <remarks>
/// For pair i of the rotated columns: <c>θ = position × base^(−2i/Rotated) / factor[i]</c>. With <see cref="ExtrapolationFactor"/> 0 the angle is <c>FrequencyScale × θ</c> and the magnitude
/// <see cref="AttentionFactor"/>; otherwise the two are mixed by YaRN's ramp between <see cref="BetaFast"/> and <see cref="BetaSlow"/> over <see cref="OriginalContext"/>, and the magnitude is
/// multiplied by <c>1 + 0.1 ln(1 / FrequencyScale)</c>, as ggml's <c>rope_yarn</c> does.
/// </remarks>
public sealed record RopeSettings
{
    /// <summary>The columns of one head.</summary>
    public required int HeadSize { get; init; }

    /// <summary>How many columns of a head rotate.</summary>
    public required int Rotated { get; init; }

    /// <summary>The first column of a head that rotates; those before it and after the rotated ones pass unchanged.</summary>
    public int Offset { get; init; }

    /// <summary>Which columns rotate together.</summary>
    public required RopePairing Pairing { get; init; }

    /// <summary>The base of the frequencies.</summary>
    public float FrequencyBase { get; init; } = 10000;

    /// <summary>What positions are multiplied by.</summary>
    public float FrequencyScale { get; init; } = 1;

    /// <summary>YaRN's mix: 0 interpolates only, 1 is full YaRN.</summary>
    public float ExtrapolationFactor { get; init; }

    /// <summary>What sine and cosine are multiplied by.</summary>
    public float AttentionFactor { get; init; } = 1;

    /// <summary>YaRN: rotations above which nothing is interpolated.</summary>
    public float BetaFast { get; init; } = 32;

    /// <summary>YaRN: rotations below which everything is interpolated.</summary>
    public float BetaSlow { get; init; } = 1;

    /// <summary>YaRN: the context that the model was trained with.</summary>
    public int OriginalContext { get; init; }

    /// <summary>A divisor for each pair's frequency, [Rotated / 2], or null.</summary>
    public WeightTensor? FrequencyFactors { get; init; }

    /// <summary>Rotates by the negative angle (undoing an embedding).</summary>
    public bool Inverse { get; init; }
}
