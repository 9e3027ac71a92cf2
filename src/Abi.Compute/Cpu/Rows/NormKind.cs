namespace Abi.Compute.Cpu.Rows;

/// <summary>What a <see cref="NormRow"/> computes.</summary>
internal enum NormKind
{
    /// <summary>By the root of the mean square.</summary>
    RmsNorm,

    /// <summary>Centred, by the standard deviation.</summary>
    LayerNorm,

    /// <summary>By the length.</summary>
    L2Norm,

    /// <summary>Softmax.</summary>
    Softmax,
}
