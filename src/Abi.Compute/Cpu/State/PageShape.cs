using System.Runtime.InteropServices;
using Abi.Compute.Devices;

namespace Abi.Compute.Cpu.State;

/// <summary>How the keys and values of 32 positions lie in a page.</summary>
[StructLayout(LayoutKind.Auto)]
internal readonly struct PageShape(int heads, int keySize, int valueSize, int elementBytes)
{
    public int Heads { get; } = heads;

    public int KeySize { get; } = keySize;

    public int ValueSize { get; } = valueSize;

    /// <summary>2 for half precision, 4 for single.</summary>
    public int ElementBytes { get; } = elementBytes;

    /// <summary>The elements between the values of neighbouring positions: whole vectors of 16.</summary>
    public int ValueStride => (ValueSize + 15) & ~15;

    /// <summary>The bytes before a head's values: those of its keys, [key size, 32].</summary>
    public long ValuesOffset => (long)KeySize * StateStore.PageLength * ElementBytes;

    /// <summary>The bytes of one head: keys, then values [32, stride].</summary>
    public long HeadBytes => ValuesOffset + ((long)ValueStride * StateStore.PageLength * ElementBytes);

    /// <summary>The bytes of all heads.</summary>
    public long PageBytes => Heads * HeadBytes;
}
