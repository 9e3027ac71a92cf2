using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Abi.Compute.Distances;

/// <summary>The negative dot product of float32 vectors. A row has the upper halves of all elements first, then the lower halves (see <see cref="IRowDistance{TSelf}.IsEstimated"/>).</summary>
public readonly unsafe struct Float32Dot : IRowDistance<Float32Dot>
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
    public static float Between(byte* query, byte* row, int rowBytes) => -SplitSums.Sum<SplitSums.Query, SplitSums.Whole, SplitSums.Product>(query, row, rowBytes);

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Estimate(byte* query, byte* row, int rowBytes)
    {
        var estimate = -SplitSums.Sum<SplitSums.Query, SplitSums.Upper, SplitSums.Product>(query, row, rowBytes);
        var squares = SplitRow.QuerySquares(query, rowBytes);
        return MathF.Abs(estimate + squares) < squares * NearRows.Direction ? Between(query, row, rowBytes) : estimate;
    }

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void EstimateFour(byte* query, byte* row0, byte* row1, byte* row2, byte* row3, int rowBytes, float* distances)
    {
        var estimates = -SplitSums.SumFour<SplitSums.Upper, SplitSums.Product>(query, row0, row1, row2, row3, rowBytes);
        estimates.Store(distances);

        // As near as a vector of the query's direction and length would be.
        var squares = Vector128.Create(SplitRow.QuerySquares(query, rowBytes));
        var near = Vector128.LessThan(Vector128.Abs(estimates + squares), squares * NearRows.Direction).ExtractMostSignificantBits();
        if (near != 0)
        {
            NearRows.Refine<Float32Dot>(query, row0, row1, row2, row3, rowBytes, distances, near);
        }
    }

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float EstimateRows(byte* a, byte* b, int rowBytes) => SplitRow.AreAlike(a, b, rowBytes, NearRows.ProductRoundings)
        ? -SplitSums.Sum<SplitSums.Whole, SplitSums.Whole, SplitSums.Product>(a, b, rowBytes)
        : -SplitSums.Sum<SplitSums.Upper, SplitSums.Upper, SplitSums.Product>(a, b, rowBytes);

    /// <inheritdoc/>
    public static bool AreAlike(byte* a, byte* b, int rowBytes) => SplitRow.AreAlike(a, b, rowBytes, SplitRow.AlikeInProducts);

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float LowerBound(float estimate, byte* query, byte* row, int rowBytes) => estimate - (SplitRow.QueryNorm(query, rowBytes) * SplitRow.Off(row, rowBytes));

    /// <inheritdoc/>
    public static float Reference(byte* a, byte* b, int dimensions) => (float)-PlainSums<float>.Dot(a, b, dimensions);
}
