using System.Runtime.CompilerServices;

namespace Abi.Compute.Distances;

/// <summary>1 − cos of signed-byte vectors. A row: sbyte [dimensions], zeros, 1 / norm as a float in the last four bytes.</summary>
public readonly unsafe struct Int8Cosine : IRowDistance
{
    /// <inheritdoc/>
    public static int RowBytes(int dimensions) => (dimensions + 4 + 63) & ~63;

    /// <inheritdoc/>
    public static void Encode(ReadOnlySpan<byte> vector, byte* row, int dimensions)
    {
        Sums.Fill(vector, row, RowBytes(dimensions));
        var sum = 0.0;
        for (var i = 0; i < dimensions; i++)
        {
            var x = (double)((sbyte*)row)[i];
            sum += x * x;
        }

        *(float*)(row + RowBytes(dimensions) - sizeof(float)) = (float)(1 / Math.Sqrt(sum));
    }

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Between(byte* query, byte* row, int rowBytes)
    {
        var dot = Sums.DotBytes((sbyte*)query, (sbyte*)row, rowBytes, 4);
        return 1 - (dot * (((float*)(query + rowBytes))[-1] * ((float*)(row + rowBytes))[-1]));
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
        var (dot, normA, normB) = (0.0, 0.0, 0.0);
        var x = (sbyte*)a;
        var y = (sbyte*)b;
        for (var i = 0; i < dimensions; i++)
        {
            dot += (double)x[i] * (double)y[i];
            normA += (double)x[i] * (double)x[i];
            normB += (double)y[i] * (double)y[i];
        }

        return (float)(1 - (dot / Math.Sqrt(normA * normB)));
    }
}
