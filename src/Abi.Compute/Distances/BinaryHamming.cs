using System.Runtime.CompilerServices;

namespace Abi.Compute.Distances;

/// <summary>How many bits of two binary vectors differ. A row: bits, eight a byte (dimensions / 8 bytes, rounded up), zeros.</summary>
public readonly unsafe struct BinaryHamming : IRowDistance<BinaryHamming>
{
    /// <inheritdoc/>
    public static int RowBytes(int dimensions) => (((dimensions + 7) / 8) + 63) & ~63;

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Between(byte* query, byte* row, int rowBytes) => Sums.DifferentBits((ulong*)query, (ulong*)row, rowBytes >> 6);

    /// <inheritdoc/>
    public static float Reference(byte* a, byte* b, int dimensions)
    {
        var count = 0;
        for (var i = 0; i < dimensions; i++)
        {
            count += ((a[i >> 3] ^ b[i >> 3]) >> (i & 7)) & 1;
        }

        return count;
    }
}
