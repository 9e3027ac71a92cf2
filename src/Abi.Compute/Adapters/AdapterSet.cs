using System.Collections.Frozen;
using System.Collections.Immutable;
using Abi.Compute.Tensors;

namespace Abi.Compute.Adapters;

/// <summary>The changes that apply to the rows of one sequence: for each weight, its adapters in the order in which they are added.</summary>
/// <remarks>Immutable and thread-safe; valid until the memory of its matrices is disposed of.</remarks>
public sealed class AdapterSet(IReadOnlyDictionary<WeightTensor, ImmutableArray<WeightAdapter>> adapters)
{
    private readonly FrozenDictionary<WeightTensor, ImmutableArray<WeightAdapter>> _adapters = adapters.ToFrozenDictionary();

    /// <summary>The adapters of a weight; empty when it has none.</summary>
    public ReadOnlySpan<WeightAdapter> Find(WeightTensor weight) => _adapters.TryGetValue(weight, out var found) ? found.AsSpan() : default;
}
