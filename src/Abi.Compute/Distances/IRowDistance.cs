using System.Runtime.CompilerServices;

namespace Abi.Compute.Distances;

/// <summary>
/// A distance between encoded vectors ("rows"). A row is a run of <see cref="RowBytes"/> bytes, a multiple of 64 (of codes: of 16), that starts on a multiple of as much; unused
/// elements are zero, so that kernels have no tail loop. What a kernel needs of a vector besides its elements (an inverse norm, a scale) stands in the row, where
/// the cache lines that hold the elements bring it along. Smaller is nearer.
/// </summary>
/// <typeparam name="TSelf">The distance itself.</typeparam>
/// <remarks>
/// A row may be made so that its first part alone gives a good estimate (<see cref="IsEstimated"/>): walks and scans then read that part, and the rest only of rows that the estimate leaves in
/// question. Where an estimate would say too little, among rows that are hardly apart, it is the distance; and so it is for any other distance. Implementations are structs without state, used as type arguments, so that a walk is compiled once for each.
/// </remarks>
public unsafe interface IRowDistance<TSelf>
    where TSelf : struct, IRowDistance<TSelf>
{
    /// <summary>Whether <see cref="Estimate"/> reads less than <see cref="Between"/> and is less exact.</summary>
    static virtual bool IsEstimated => false;

    /// <summary>The bytes of a row.</summary>
    /// <param name="dimensions">The elements of a vector; bits for binary vectors.</param>
    static abstract int RowBytes(int dimensions);

    /// <summary>The bytes of a row, from its beginning on, that an estimate reads.</summary>
    static virtual int EstimateBytes(int rowBytes) => rowBytes;

    /// <summary>The bytes of a query.</summary>
    static virtual int QueryBytes(int rowBytes) => rowBytes;

    /// <summary>Makes a row of a vector.</summary>
    /// <param name="vector">The elements, as users have them: not more bytes than a row has.</param>
    /// <param name="row">The row, <see cref="RowBytes"/> long; written whole.</param>
    /// <param name="dimensions">The elements of the vector.</param>
    static virtual void Encode(ReadOnlySpan<byte> vector, byte* row, int dimensions) => Sums.Fill(vector, row, TSelf.RowBytes(dimensions));

    /// <summary>Gives a row's vector back, bit by bit.</summary>
    /// <param name="row">The row.</param>
    /// <param name="vector">Where the elements go.</param>
    /// <param name="dimensions">The elements of the vector.</param>
    static virtual void Decode(byte* row, Span<byte> vector, int dimensions) => new ReadOnlySpan<byte>(row, vector.Length).CopyTo(vector);

    /// <summary>Makes a query of a row.</summary>
    /// <param name="row">The row.</param>
    /// <param name="query">The query, <see cref="QueryBytes"/> long, on a multiple of 64.</param>
    /// <param name="rowBytes">The bytes of the row.</param>
    static virtual void Prepare(byte* row, byte* query, int rowBytes) => Unsafe.CopyBlock(query, row, (uint)rowBytes);

    /// <summary>The distance of a query and a row.</summary>
    /// <param name="query">Made by <see cref="Prepare"/>.</param>
    /// <param name="row">The row.</param>
    /// <param name="rowBytes">The bytes of the row.</param>
    static abstract float Between(byte* query, byte* row, int rowBytes);

    /// <summary>About the distance of a query and a row.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static virtual float Estimate(byte* query, byte* row, int rowBytes) => TSelf.Between(query, row, rowBytes);

    /// <summary>About the distances of a query and four rows. The last bits may be others than <see cref="Estimate"/>'s.</summary>
    /// <param name="query">Made by <see cref="Prepare"/>.</param>
    /// <param name="row0">A row.</param>
    /// <param name="row1">A row.</param>
    /// <param name="row2">A row.</param>
    /// <param name="row3">A row.</param>
    /// <param name="rowBytes">The bytes of each row.</param>
    /// <param name="distances">float [4].</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static virtual void EstimateFour(byte* query, byte* row0, byte* row1, byte* row2, byte* row3, int rowBytes, float* distances)
    {
        distances[0] = TSelf.Between(query, row0, rowBytes);
        distances[1] = TSelf.Between(query, row1, rowBytes);
        distances[2] = TSelf.Between(query, row2, rowBytes);
        distances[3] = TSelf.Between(query, row3, rowBytes);
    }

    /// <summary>About the distance of two rows.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static virtual float EstimateRows(byte* a, byte* b, int rowBytes) => TSelf.Between(a, b, rowBytes);

    /// <summary>Whether two rows may stand for the same vector, or for one so near that what lies between them may be rounding.</summary>
    /// <param name="a">A row.</param>
    /// <param name="b">A row.</param>
    /// <param name="rowBytes">The bytes of each row.</param>
    static virtual bool AreAlike(byte* a, byte* b, int rowBytes) => new ReadOnlySpan<byte>(a, rowBytes).SequenceEqual(new ReadOnlySpan<byte>(b, rowBytes));

    /// <summary>A number that the distance is not below, whatever the rest of the row holds.</summary>
    /// <param name="estimate">What <see cref="Estimate"/> said of the same query and row.</param>
    /// <param name="query">Made by <see cref="Prepare"/>.</param>
    /// <param name="row">The row.</param>
    /// <param name="rowBytes">The bytes of the row.</param>
    static virtual float LowerBound(float estimate, byte* query, byte* row, int rowBytes) => estimate;

    /// <summary>The distance of two vectors by the plain definition, element by element: what <see cref="Between"/> is tested against.</summary>
    /// <param name="a">The elements, as users have them; for codes, a row.</param>
    /// <param name="b">The elements, as users have them; for codes, a row.</param>
    /// <param name="dimensions">The elements of each.</param>
    static abstract float Reference(byte* a, byte* b, int dimensions);
}
