#pragma warning disable MA0048 // four small lists that belong together

namespace Abi.Compute.Graphs;

/// <summary>Functions of one number.</summary>
public enum ActivationKind
{
    /// <summary><c>x / (1 + e⁻ˣ)</c>.</summary>
    Silu,

    /// <summary>The tanh form of GELU: <c>x/2 (1 + tanh(√(2/π) (x + 0.044715 x³)))</c>.</summary>
    Gelu,

    /// <summary>The exact GELU: <c>x/2 (1 + erf(x/√2))</c>.</summary>
    GeluErf,

    /// <summary><c>x / (1 + e^(−1.702 x))</c>.</summary>
    GeluQuick,

    /// <summary><c>max(x, 0)</c>.</summary>
    Relu,

    /// <summary><c>max(x, 0)²</c>.</summary>
    ReluSquared,

    /// <summary><c>1 / (1 + e⁻ˣ)</c>.</summary>
    Sigmoid,

    /// <summary><c>tanh x</c>.</summary>
    Tanh,

    /// <summary><c>eˣ</c>.</summary>
    Exp,

    /// <summary><c>ln(1 + eˣ)</c>; x itself above 20.</summary>
    Softplus,

    /// <summary><c>−x</c>.</summary>
    Negate,

    /// <summary><c>e^(−eˣ)</c> (RWKV's decay).</summary>
    ExpNegExp,

    /// <summary>xIELU (paper: Huang 2024); parameters: alpha n, alpha p, beta, epsilon, where the first is beta and a softplus, the second a softplus of what is trained.</summary>
    XIelu,
}

/// <summary>Gated functions of two numbers.</summary>
public enum GateKind
{
    /// <summary><c>silu(gate) × up</c>.</summary>
    SwiGlu,

    /// <summary><c>gelu(gate) × up</c>, tanh form.</summary>
    GeGlu,

    /// <summary><c>gelu(gate) × up</c>, exact form.</summary>
    GeGluErf,

    /// <summary><c>relu(gate) × up</c>.</summary>
    ReGlu,

    /// <summary><c>sigmoid(gate) × up</c>.</summary>
    Glu,

    /// <summary>gpt-oss: <c>g σ(α g) (u + 1)</c> with g = min(gate, limit), u clamped to ± limit; parameters: α, limit.</summary>
    SwiGluOai,
}

/// <summary>How token rows become one row for a sequence.</summary>
public enum PoolingKind
{
    /// <summary>The mean of all rows.</summary>
    Mean,

    /// <summary>The first row.</summary>
    Cls,

    /// <summary>The last row.</summary>
    Last,
}

/// <summary>Which columns of a head rotate together.</summary>
public enum RopePairing
{
    /// <summary>Neighbours: (0, 1), (2, 3), …</summary>
    Neighbours,

    /// <summary>Halves: (0, d/2), (1, d/2 + 1), …</summary>
    Halves,
}
