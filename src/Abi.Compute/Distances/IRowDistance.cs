namespace Abi.Compute.Distances;

/// <summary>
/// A distance between two encoded vectors ("rows"). A row is a run of <see cref="RowBytes"/> bytes, a multiple of 64, that starts on a multiple of 64; unused
/// elements are zero, so that kernels have no tail loop. What a kernel needs of a vector besides its elements (an inverse norm, a scale) stands in the row's
/// last bytes, where the same cache line brings it along. Smaller is nearer.
/// </summary>
/// <remarks>Implementations are structs without state, used as type arguments, so that a walk is compiled once for each.</remarks>
public unsafe interface IRowDistance
{
    /// <summary>The bytes of a row.</summary>
    /// <param name="dimensions">The elements of a vector; bits for binary vectors.</param>
    static abstract int RowBytes(int dimensions);

    /// <summary>Completes a row whose elements are in place and whose other bytes are zero.</summary>
    /// <param name="row">The row.</param>
    /// <param name="dimensions">The elements of a vector.</param>
    static abstract void Seal(byte* row, int dimensions);

    /// <summary>The distance of two sealed rows.</summary>
    /// <param name="a">A row: the query, when the two have different parts.</param>
    /// <param name="b">The other row.</param>
    /// <param name="rowBytes">The bytes of each.</param>
    static abstract float Between(byte* a, byte* b, int rowBytes);

    /// <summary>The same by the plain definition, element by element: what <see cref="Between"/> is tested against.</summary>
    static abstract float Reference(byte* a, byte* b, int dimensions);
}
