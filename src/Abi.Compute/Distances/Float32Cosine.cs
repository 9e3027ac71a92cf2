using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Abi.Compute.Distances;

/// <summary>1 − cos of float32 vectors. A row has the upper halves of all elements first, then the lower halves (see <see cref="IRowDistance{TSelf}.IsEstimated"/>).</summary>
public readonly unsafe struct Float32Cosine : IRowDistance<Float32Cosine>
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
    public static void Encode(ReadOnlySpan<byte> vector, byte* row, int dimensions) => SplitRow.Encode(vector, row, dimensions, isCosine: true);

    /// <inheritdoc/>
    public static void Decode(byte* row, Span<byte> vector, int dimensions) => SplitRow.Decode(row, vector, dimensions);

    /// <inheritdoc/>
    public static void Prepare(byte* row, byte* query, int rowBytes) => SplitRow.Prepare(row, query, rowBytes);

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Between(byte* query, byte* row, int rowBytes) => 1 - (SplitSums.Sum<SplitSums.Query, SplitSums.Whole, SplitSums.Product>(query, row, rowBytes) * (SplitRow.QueryFactor(query, rowBytes) * SplitRow.Factor(row, rowBytes)));

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Estimate(byte* query, byte* row, int rowBytes)
    {
        var estimate = 1 - (SplitSums.Sum<SplitSums.Query, SplitSums.Upper, SplitSums.Product>(query, row, rowBytes) * (SplitRow.QueryFactor(query, rowBytes) * SplitRow.Factor(row, rowBytes)));
        return estimate < NearRows.Direction ? Between(query, row, rowBytes) : estimate;
    }

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void EstimateFour(byte* query, byte* row0, byte* row1, byte* row2, byte* row3, int rowBytes, float* distances)
    {
        var sums = SplitSums.SumFour<SplitSums.Upper, SplitSums.Product>(query, row0, row1, row2, row3, rowBytes);
        var factors = Vector128.Create(SplitRow.Factor(row0, rowBytes), SplitRow.Factor(row1, rowBytes), SplitRow.Factor(row2, rowBytes), SplitRow.Factor(row3, rowBytes));
        var estimates = Vector128<float>.One - (sums * (factors * SplitRow.QueryFactor(query, rowBytes)));
        estimates.Store(distances);
        var near = Vector128.LessThan(estimates, Vector128.Create(NearRows.Direction)).ExtractMostSignificantBits();
        if (near != 0)
        {
            NearRows.Refine<Float32Cosine>(query, row0, row1, row2, row3, rowBytes, distances, near);
        }
    }

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float EstimateRows(byte* a, byte* b, int rowBytes)
    {
        var factor = SplitRow.Factor(a, rowBytes) * SplitRow.Factor(b, rowBytes);
        var estimate = 1 - (SplitSums.Sum<SplitSums.Upper, SplitSums.Upper, SplitSums.Product>(a, b, rowBytes) * factor);
        return estimate < NearRows.Direction ? 1 - (SplitSums.Sum<SplitSums.Whole, SplitSums.Whole, SplitSums.Product>(a, b, rowBytes) * factor) : estimate;
    }

    /// <inheritdoc/>
    public static bool AreAlike(byte* a, byte* b, int rowBytes) => SplitRow.AreAlike(a, b, rowBytes, SplitRow.AlikeInProducts);

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float LowerBound(float estimate, byte* query, byte* row, int rowBytes) => estimate - SplitRow.Off(row, rowBytes);

    /// <inheritdoc/>
    public static float Reference(byte* a, byte* b, int dimensions) => (float)PlainSums<float>.Cosine(a, b, dimensions);
}
