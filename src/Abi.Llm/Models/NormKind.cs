namespace Abi.Llm.Models;

/// <summary>The kinds of norms.</summary>
internal enum NormKind
{
    /// <summary>Root mean square.</summary>
    Rms,

    /// <summary>Mean and variance.</summary>
    Layer,
}
