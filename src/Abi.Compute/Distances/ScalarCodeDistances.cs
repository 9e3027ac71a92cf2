#pragma warning disable MA0048 // Three readings of one row of codes, told apart by a line each.
using System.Runtime.CompilerServices;

namespace Abi.Compute.Distances;

/// <summary>1 − cos, estimated from the codes of <see cref="ScalarCode"/> that stand for normalised vectors.</summary>
public readonly unsafe struct ScalarCodeCosine : IRowDistance
{
    /// <inheritdoc/>
    public static int RowBytes(int dimensions) => ScalarCode.RowBytes(dimensions);

    /// <inheritdoc/>
    public static void Encode(ReadOnlySpan<byte> vector, byte* row, int dimensions) => vector.CopyTo(new Span<byte>(row, RowBytes(dimensions))); // ScalarCode.Encode made it

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Between(byte* query, byte* row, int rowBytes) =>
        1 - (Sums.DotBytes((sbyte*)query, (sbyte*)row, rowBytes, 8) * (((float*)(query + rowBytes))[-2] * ((float*)(row + rowBytes))[-2]));

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Estimate(byte* query, byte* row, int rowBytes) => Between(query, row, rowBytes);

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void EstimateFour(byte* query, byte* row0, byte* row1, byte* row2, byte* row3, int rowBytes, float* distances)
    {
        distances[0] = Between(query, row0, rowBytes);
        distances[1] = Between(query, row1, rowBytes);
        distances[2] = Between(query, row2, rowBytes);
        distances[3] = Between(query, row3, rowBytes);
    }

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float EstimateRows(byte* a, byte* b, int rowBytes) => Between(a, b, rowBytes);

    /// <inheritdoc/>
    public static float Reference(byte* a, byte* b, int dimensions) => 1 + ScalarCodeDot.Reference(a, b, dimensions);
}

/// <summary>The negative dot product, estimated from the codes of <see cref="ScalarCode"/>.</summary>
public readonly unsafe struct ScalarCodeDot : IRowDistance
{
    /// <inheritdoc/>
    public static int RowBytes(int dimensions) => ScalarCode.RowBytes(dimensions);

    /// <inheritdoc/>
    public static void Encode(ReadOnlySpan<byte> vector, byte* row, int dimensions) => vector.CopyTo(new Span<byte>(row, RowBytes(dimensions))); // ScalarCode.Encode made it

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Between(byte* query, byte* row, int rowBytes) =>
        -(Sums.DotBytes((sbyte*)query, (sbyte*)row, rowBytes, 8) * (((float*)(query + rowBytes))[-2] * ((float*)(row + rowBytes))[-2]));

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Estimate(byte* query, byte* row, int rowBytes) => Between(query, row, rowBytes);

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void EstimateFour(byte* query, byte* row0, byte* row1, byte* row2, byte* row3, int rowBytes, float* distances)
    {
        distances[0] = Between(query, row0, rowBytes);
        distances[1] = Between(query, row1, rowBytes);
        distances[2] = Between(query, row2, rowBytes);
        distances[3] = Between(query, row3, rowBytes);
    }

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float EstimateRows(byte* a, byte* b, int rowBytes) => Between(a, b, rowBytes);

    /// <inheritdoc/>
    public static float Reference(byte* a, byte* b, int dimensions)
    {
        var sum = 0;
        for (var i = 0; i < dimensions; i++)
        {
            sum += ((sbyte*)a)[i] * ((sbyte*)b)[i];
        }

        var rowBytes = RowBytes(dimensions);
        return -(sum * ((float*)(a + rowBytes))[-2] * ((float*)(b + rowBytes))[-2]);
    }
}

/// <summary>The squared Euclidean distance, estimated from the codes of <see cref="ScalarCode"/>: |a|² + |b|² − 2 a·b.</summary>
public readonly unsafe struct ScalarCodeEuclidean : IRowDistance
{
    /// <inheritdoc/>
    public static int RowBytes(int dimensions) => ScalarCode.RowBytes(dimensions);

    /// <inheritdoc/>
    public static void Encode(ReadOnlySpan<byte> vector, byte* row, int dimensions) => vector.CopyTo(new Span<byte>(row, RowBytes(dimensions))); // ScalarCode.Encode made it

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Between(byte* query, byte* row, int rowBytes) =>
        ((float*)(query + rowBytes))[-1] + ((float*)(row + rowBytes))[-1] + (2 * ScalarCodeDot.Between(query, row, rowBytes));

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Estimate(byte* query, byte* row, int rowBytes) => Between(query, row, rowBytes);

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void EstimateFour(byte* query, byte* row0, byte* row1, byte* row2, byte* row3, int rowBytes, float* distances)
    {
        distances[0] = Between(query, row0, rowBytes);
        distances[1] = Between(query, row1, rowBytes);
        distances[2] = Between(query, row2, rowBytes);
        distances[3] = Between(query, row3, rowBytes);
    }

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float EstimateRows(byte* a, byte* b, int rowBytes) => Between(a, b, rowBytes);

    /// <inheritdoc/>
    public static float Reference(byte* a, byte* b, int dimensions)
    {
        var rowBytes = RowBytes(dimensions);
        return ((float*)(a + rowBytes))[-1] + ((float*)(b + rowBytes))[-1] + (2 * ScalarCodeDot.Reference(a, b, dimensions));
    }
}
