namespace Abi.Llm.Models;

/// <summary>The kinds of norms.</summary>
internal enum NormKind
{
    /// <summary>Root mean square.</summary>
    Rms,

    /// <summary>Mean and variance.</summary>
    Layer,

    /// <summary>Root mean square where the file states the epsilon of that, else mean and variance (Cohere 2 MoE).</summary>
    ByEpsilon,
}
