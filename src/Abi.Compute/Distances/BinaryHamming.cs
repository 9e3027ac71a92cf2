using System.Runtime.CompilerServices;

namespace Abi.Compute.Distances;

/// <summary>How many bits of two binary vectors differ. A row: bits, eight a byte (dimensions / 8 bytes, rounded up), zeros.</summary>
public readonly unsafe struct BinaryHamming : IRowDistance
{
    /// <inheritdoc/>
    public static int RowBytes(int dimensions) => (((dimensions + 7) / 8) + 63) & ~63;

    /// <inheritdoc/>
    public static void Encode(ReadOnlySpan<byte> vector, byte* row, int dimensions) => Sums.Fill(vector, row, RowBytes(dimensions));

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Between(byte* query, byte* row, int rowBytes)
    {
        return Sums.DifferentBits((ulong*)query, (ulong*)row, rowBytes >> 6);
    }

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Estimate(byte* query, byte* row, int rowBytes) => Between(query, row, rowBytes);

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void EstimateFour(byte* query, byte* row0, byte* row1, byte* row2, byte* row3, int rowBytes, float* distances)
    {
        distances[0] = Between(query, row0, rowBytes);
        distances[1] = Between(query, row1, rowBytes);
        distances[2] = Between(query, row2, rowBytes);
        distances[3] = Between(query, row3, rowBytes);
    }

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float EstimateRows(byte* a, byte* b, int rowBytes) => Between(a, b, rowBytes);

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
