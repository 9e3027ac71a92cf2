using System.Runtime.CompilerServices;

namespace Abi.Compute.Distances;

/// <summary>The squared Euclidean distance of float32 vectors. A row: float [dimensions], zeros.</summary>
public readonly unsafe struct Float32Euclidean : IRowDistance
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
        return Sums.SquaredDifference((float*)a, (float*)b, rowBytes >> 6);
    }

    /// <inheritdoc/>
    public static float Reference(byte* a, byte* b, int dimensions)
    {
        var sum = 0.0;
        var x = (float*)a;
        var y = (float*)b;
        for (var i = 0; i < dimensions; i++)
        {
            var difference = (double)x[i] - (double)y[i];
            sum += difference * difference;
        }

        return (float)sum;
    }
}
