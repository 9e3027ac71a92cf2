using System.Runtime.CompilerServices;

namespace Abi.Compute.Distances;

/// <summary>1 − cos of float32 vectors. A row: float [dimensions], zeros, 1 / norm in the last float.</summary>
public readonly unsafe struct Float32Cosine : IRowDistance
{
    /// <inheritdoc/>
    public static int RowBytes(int dimensions) => ((dimensions * 4) + 4 + 63) & ~63;

    /// <inheritdoc/>
    public static void Seal(byte* row, int dimensions)
    {
        var sum = 0.0;
        for (var i = 0; i < dimensions; i++)
        {
            var x = (double)((float*)row)[i];
            sum += x * x;
        }

        *(float*)(row + RowBytes(dimensions) - sizeof(float)) = (float)(1 / Math.Sqrt(sum));
    }

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Between(byte* a, byte* b, int rowBytes)
    {
        var dot = Sums.Dot((float*)a, (float*)b, rowBytes >> 6, 1);
        return 1 - (dot * (((float*)(a + rowBytes))[-1] * ((float*)(b + rowBytes))[-1]));
    }

    /// <inheritdoc/>
    public static float Reference(byte* a, byte* b, int dimensions)
    {
        var (dot, normA, normB) = (0.0, 0.0, 0.0);
        var x = (float*)a;
        var y = (float*)b;
        for (var i = 0; i < dimensions; i++)
        {
            dot += (double)x[i] * (double)y[i];
            normA += (double)x[i] * (double)x[i];
            normB += (double)y[i] * (double)y[i];
        }

        return (float)(1 - (dot / Math.Sqrt(normA * normB)));
    }
}
