using Abi.Compute.Tensors;

namespace Abi.Compute.Adapters;

/// <summary>A low-rank change of one weight W [out, in], or of each expert's in W [experts, out, in]: <c>W + Scale × B A</c> (paper: Hu et al. 2021), which is never added to W itself.</summary>
/// <param name="A">[rank, in], or [experts, rank, in]; float32.</param>
/// <param name="B">Bᵀ: [rank, out], or [experts, rank, out]; float32.</param>
/// <param name="Scale">What the change is multiplied by.</param>
/// <remarks>Immutable and thread-safe. A table of embeddings [entries, width] is a W whose outputs are its entries.</remarks>
public sealed record WeightAdapter(WeightTensor A, WeightTensor B, float Scale)
{
    /// <summary>The rank of the change.</summary>
    public int Rank => (int)A.Shape[1];
}
