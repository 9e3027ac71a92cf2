using System.Runtime.CompilerServices;

namespace Abi.Compute.Distances;

/// <summary>The negative dot product of signed-byte vectors. A row: sbyte [dimensions], zeros.</summary>
public readonly unsafe struct Int8Dot : IRowDistance
{
    /// <inheritdoc/>
    public static int RowBytes(int dimensions) => (dimensions + 63) & ~63;

    /// <inheritdoc/>
    public static void Encode(ReadOnlySpan<byte> vector, byte* row, int dimensions) => Sums.Fill(vector, row, RowBytes(dimensions));

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Between(byte* query, byte* row, int rowBytes)
    {
        return -Sums.DotBytes((sbyte*)query, (sbyte*)row, rowBytes, 0);
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
        var dot = 0.0;
        var x = (sbyte*)a;
        var y = (sbyte*)b;
        for (var i = 0; i < dimensions; i++)
        {
            dot += (double)x[i] * (double)y[i];
        }

        return (float)-dot;
    }
}
