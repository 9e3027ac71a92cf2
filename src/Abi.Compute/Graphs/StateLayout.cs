using System.Collections.Immutable;
using Abi.Compute.Formats;

namespace Abi.Compute.Graphs;

/// <summary>The state that a model keeps between steps.</summary>
/// <param name="Cache">Positional layers.</param>
/// <param name="Recurrent">Recurrent layers.</param>
public sealed record StateLayout(ImmutableArray<CacheLayer> Cache, ImmutableArray<RecurrentLayer> Recurrent)
{
    /// <summary>Whether a sequence can be cut back to any token: true without recurrent layers.</summary>
    public bool IsPositional => Recurrent.IsEmpty;

    /// <summary>The number of page groups.</summary>
    public int Groups => Cache.IsEmpty ? 0 : Cache.Max(layer => layer.Group) + 1;

    /// <summary>The bytes that keys and values of one position take over all layers.</summary>
    /// <param name="keyType">The format of keys.</param>
    /// <param name="valueType">The format of values.</param>
    public long PositionBytes(TensorType keyType, TensorType valueType) => Cache.Sum(layer => layer.PositionBytes(keyType, valueType));
}
