using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Abi.Compute.Distances;

/// <summary>The squared Euclidean distance of float32 vectors. A row has the upper halves of all elements first, then the lower halves (see <see cref="IRowDistance{TSelf}.IsEstimated"/>).</summary>
public readonly unsafe struct Float32Euclidean : IRowDistance<Float32Euclidean>
{
    /// <inheritdoc/>
    public static bool IsEstimated => true;

    /// <inheritdoc/>
    public static int RowBytes(int dimensions) => SplitRow.RowBytes(dimensions);

    /// <inheritdoc/>
    public static int EstimateBytes(int rowBytes) => rowBytes >> 1;

    /// <inheritdoc/>
    public static int QueryBytes(int rowBytes) => SplitRow.QueryBytes(rowBytes);

    /// <inheritdoc/>
    public static void Encode(ReadOnlySpan<byte> vector, byte* row, int dimensions) => SplitRow.Encode(vector, row, dimensions, isCosine: false);

    /// <inheritdoc/>
    public static void Decode(byte* row, Span<byte> vector, int dimensions) => SplitRow.Decode(row, vector, dimensions);

    /// <inheritdoc/>
    public static void Prepare(byte* row, byte* query, int rowBytes) => SplitRow.Prepare(row, query, rowBytes);

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Between(byte* query, byte* row, int rowBytes) => SplitSums.Sum<SplitSums.Query, SplitSums.Whole, SplitSums.SquaredDifference>(query, row, rowBytes);

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Estimate(byte* query, byte* row, int rowBytes)
    {
        var estimate = SplitSums.Sum<SplitSums.Query, SplitSums.Upper, SplitSums.SquaredDifference>(query, row, rowBytes);
        return estimate < NearRows.Euclidean(query, rowBytes) ? Between(query, row, rowBytes) : estimate;
    }

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void EstimateFour(byte* query, byte* row0, byte* row1, byte* row2, byte* row3, int rowBytes, float* distances)
    {
        var estimates = SplitSums.SumFour<SplitSums.Upper, SplitSums.SquaredDifference>(query, row0, row1, row2, row3, rowBytes);
        estimates.Store(distances);
        var near = Vector128.LessThan(estimates, Vector128.Create(NearRows.Euclidean(query, rowBytes))).ExtractMostSignificantBits();
        if (near != 0)
        {
            NearRows.Refine<Float32Euclidean>(query, row0, row1, row2, row3, rowBytes, distances, near);
        }
    }

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float EstimateRows(byte* a, byte* b, int rowBytes)
    {
        var estimate = SplitSums.Sum<SplitSums.Upper, SplitSums.Upper, SplitSums.SquaredDifference>(a, b, rowBytes);
        return estimate < NearRows.Euclidean(a, b, rowBytes) ? SplitSums.Sum<SplitSums.Whole, SplitSums.Whole, SplitSums.SquaredDifference>(a, b, rowBytes) : estimate;
    }

    /// <inheritdoc/>
    public static bool AreAlike(byte* a, byte* b, int rowBytes) => SplitRow.AreAlike(a, b, rowBytes, 1);

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float LowerBound(float estimate, byte* query, byte* row, int rowBytes)
    {
        // By the triangle's inequality; the factor is for the roundings of both sums.
        var least = MathF.Max((MathF.Sqrt(estimate) * 0.99995f) - SplitRow.Off(row, rowBytes), 0);
        return least * least;
    }

    /// <inheritdoc/>
    public static float Reference(byte* a, byte* b, int dimensions) => (float)PlainSums<float>.SquaredDifference(a, b, dimensions);
}
