using System.Numerics;
using System.Runtime.CompilerServices;

namespace Abi.Compute.Distances;

/// <summary>The negative dot product of vectors whose elements stand in a row as they are. A row: T [dimensions], zeros.</summary>
/// <typeparam name="T">The elements: <see cref="sbyte"/> or <see cref="Half"/>; there are kernels for no others.</typeparam>
public readonly unsafe struct PlainDot<T> : IRowDistance<PlainDot<T>>
    where T : unmanaged, INumberBase<T>
{
    /// <inheritdoc/>
    public static int RowBytes(int dimensions) => ((dimensions * sizeof(T)) + 63) & ~63;

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Between(byte* query, byte* row, int rowBytes) => -Sums.Dot<T>(query, row, rowBytes, 0);

    /// <inheritdoc/>
    public static float Reference(byte* a, byte* b, int dimensions) => (float)-PlainSums<T>.Dot(a, b, dimensions);
}
