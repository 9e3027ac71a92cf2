using System.Runtime.CompilerServices;

namespace Abi.Compute.Distances;

/// <summary>The negative dot product of float32 vectors. A row: float [dimensions], zeros.</summary>
public readonly unsafe struct Float32Dot : IRowDistance
{
    /// <inheritdoc/>
    public static int RowBytes(int dimensions) => ((dimensions * 4) + 63) & ~63;

    /// <inheritdoc/>
    public static void Seal(byte* row, int dimensions)
    {
        // nothing stands beside the elements
    }

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Between(byte* a, byte* b, int rowBytes)
    {
        return -Sums.Dot((float*)a, (float*)b, rowBytes >> 6, 0);
    }

    /// <inheritdoc/>
    public static float Reference(byte* a, byte* b, int dimensions)
    {
        var dot = 0.0;
        var x = (float*)a;
        var y = (float*)b;
        for (var i = 0; i < dimensions; i++)
        {
            dot += (double)x[i] * (double)y[i];
        }

        return (float)-dot;
    }
}
