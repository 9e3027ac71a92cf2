using System.Runtime.InteropServices;
using Abi.Compute.Devices;
using Abi.Compute.Formats;
using Abi.Compute.Graphs;

namespace Abi.Compute.Cpu.State;

/// <summary>How the keys and values of 32 positions lie in a page.</summary>
/// <remarks>
/// Numbers: keys [key size, 32], values [32, stride]. Blocks: a panel for every 32 columns, of 32 scales (halves, by position) and then the levels, of keys column by column
/// (4 bits: columns 2j and 2j + 1 share the bytes of row j), of values position by position. A head whose size is no multiple of 32 has zeros behind its columns.
/// </remarks>
[StructLayout(LayoutKind.Auto)]
internal readonly struct PageShape
{
    public PageShape(int heads, int keySize, int valueSize, TensorType keyType, TensorType valueType)
    {
        (Heads, KeySize, ValueSize, KeyType, ValueType) = (heads, keySize, valueSize, keyType, valueType);
        KeyRowBytes = CacheLayer.HeadBytes(keySize, keyType);
        ValueStride = IsBlocks(valueType) ? (valueSize + 31) & ~31 : (valueSize + 15) & ~15;
        ValueRowBytes = CacheLayer.HeadBytes(ValueStride, valueType);
        ValuesOffset = (long)KeyRowBytes * StateStore.PageLength;
        HeadBytes = ValuesOffset + ((long)ValueRowBytes * StateStore.PageLength);
    }

    public int Heads { get; }

    public int KeySize { get; }

    public int ValueSize { get; }

    public TensorType KeyType { get; }

    public TensorType ValueType { get; }

    /// <summary>The bytes of one key, however they are spread.</summary>
    public int KeyRowBytes { get; }

    /// <summary>The bytes of one value, those behind its columns too.</summary>
    public int ValueRowBytes { get; }

    /// <summary>The elements between the values of neighbouring positions: whole vectors of 16, whole blocks.</summary>
    public int ValueStride { get; }

    /// <summary>The bytes before a head's values: those of its keys.</summary>
    public long ValuesOffset { get; }

    /// <summary>The bytes of one head: keys, then values.</summary>
    public long HeadBytes { get; }

    /// <summary>The bytes of all heads.</summary>
    public long PageBytes => Heads * HeadBytes;

    /// <summary>Whether the format is one of blocks of 32 elements.</summary>
    public static bool IsBlocks(TensorType type) => type is TensorType.Q8_0 or TensorType.Q4_0;
}
