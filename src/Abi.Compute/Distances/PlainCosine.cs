using System.Numerics;
using System.Runtime.CompilerServices;

namespace Abi.Compute.Distances;

/// <summary>1 − cos of vectors whose elements stand in a row as they are. A row: T [dimensions], zeros, 1 / norm as a float in the last four bytes.</summary>
/// <typeparam name="T">The elements: <see cref="sbyte"/> or <see cref="Half"/>; there are kernels for no others.</typeparam>
public readonly unsafe struct PlainCosine<T> : IRowDistance<PlainCosine<T>>
    where T : unmanaged, INumberBase<T>
{
    /// <inheritdoc/>
    public static int RowBytes(int dimensions) => ((dimensions * sizeof(T)) + sizeof(float) + 63) & ~63;

    /// <inheritdoc/>
    public static void Encode(ReadOnlySpan<byte> vector, byte* row, int dimensions)
    {
        Sums.Fill(vector, row, RowBytes(dimensions));
        *(float*)(row + RowBytes(dimensions) - sizeof(float)) = (float)(1 / Math.Sqrt(PlainSums<T>.Dot(row, row, dimensions)));
    }

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Between(byte* query, byte* row, int rowBytes) =>
        1 - (Sums.Dot<T>(query, row, rowBytes, sizeof(float)) * (((float*)(query + rowBytes))[-1] * ((float*)(row + rowBytes))[-1]));

    /// <inheritdoc/>
    public static float Reference(byte* a, byte* b, int dimensions) => (float)PlainSums<T>.Cosine(a, b, dimensions);
}
