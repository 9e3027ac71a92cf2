namespace Abi.Llm.Models;

/// <summary>How attention and feed-forward join the residual stream x.</summary>
internal enum ResidualKind
{
    /// <summary><c>y = x + attention(norm x)</c>, <c>y + feed(norm y)</c>.</summary>
    Sequential,

    /// <summary><c>x + attention(n) + feed(n)</c> with one norm n of x.</summary>
    Parallel,

    /// <summary><c>x + attention(norm₁ x) + feed(norm₂ x)</c>.</summary>
    ParallelTwoNorms,

    /// <summary>Sequential, or parallel with two norms, as the key <c>use_parallel_residual</c> says (GPT-NeoX).</summary>
    ByKey,

    /// <summary>Sequential where there is a feed-forward norm, else <see cref="Parallel"/> (StableLM).</summary>
    ParallelWithoutNorm,
}
