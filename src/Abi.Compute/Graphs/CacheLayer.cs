using Abi.Compute.Formats;

namespace Abi.Compute.Graphs;

/// <summary>A layer of positional state: keys and values by position.</summary>
/// <param name="Index">The layer's number in the state layout, from 0.</param>
/// <param name="Group">Layers of a group share page tables and lengths: 0 the sequence's own tokens, further ones as the model declares (an encoder's output, for cross-attention).</param>
/// <param name="Heads">Key/value heads.</param>
/// <param name="KeySize">The floats of one key.</param>
/// <param name="ValueSize">The floats of one value.</param>
/// <param name="Window">How far back anything reads, the token itself included; 0 for all. Older pages may be given back.</param>
public sealed record CacheLayer(int Index, int Group, int Heads, int KeySize, int ValueSize, int Window = 0)
{
    /// <summary>The bytes that keys and values of one position take over all heads.</summary>
    /// <param name="keyType">The format of keys.</param>
    /// <param name="valueType">The format of values.</param>
    public long PositionBytes(TensorType keyType, TensorType valueType) => (long)Heads * (HeadBytes(KeySize, keyType) + HeadBytes(ValueSize, valueType));

    /// <summary>The bytes of one head's key or value: whole blocks, the last one filled with zeros.</summary>
    internal static int HeadBytes(int columns, TensorType type)
    {
        var format = BlockFormat.Get(type);
        return checked((columns + format.BlockLength - 1) / format.BlockLength * format.BlockBytes);
    }
}
