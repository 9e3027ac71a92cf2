using System.Runtime.CompilerServices;

namespace Abi.Compute.Distances;

/// <summary>The squared Euclidean distance of half-precision vectors. A row: Half [dimensions], zeros.</summary>
public readonly unsafe struct Float16Euclidean : IRowDistance
{
    /// <inheritdoc/>
    public static int RowBytes(int dimensions) => ((dimensions * 2) + 63) & ~63;

    /// <inheritdoc/>
    public static void Encode(ReadOnlySpan<byte> vector, byte* row, int dimensions) => Sums.Fill(vector, row, RowBytes(dimensions));

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Between(byte* query, byte* row, int rowBytes)
    {
        return Sums.SquaredDifferenceHalves((ushort*)query, (ushort*)row, rowBytes >> 6);
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
        var sum = 0.0;
        var x = (Half*)a;
        var y = (Half*)b;
        for (var i = 0; i < dimensions; i++)
        {
            var difference = (double)x[i] - (double)y[i];
            sum += difference * difference;
        }

        return (float)sum;
    }
}
