#pragma warning disable MA0048 // Three readings of one row of codes, told apart by a line each.
using System.Runtime.CompilerServices;

namespace Abi.Compute.Distances;

/// <summary>1 − cos, estimated from the codes of <see cref="ScalarCode"/> that stand for normalised vectors.</summary>
public readonly unsafe struct ScalarCodeCosine : IRowDistance<ScalarCodeCosine>
{
    /// <inheritdoc/>
    public static int RowBytes(int dimensions) => ScalarCode.RowBytes(dimensions);

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Between(byte* query, byte* row, int rowBytes) =>
        1 - (Sums.DotBytes((sbyte*)query, (sbyte*)row, rowBytes, 8) * (((float*)(query + rowBytes))[-2] * ((float*)(row + rowBytes))[-2]));

    /// <inheritdoc/>
    public static bool AreAlike(byte* a, byte* b, int rowBytes) => ScalarCode.AreAlike(a, b, rowBytes, squares: 1);

    /// <inheritdoc/>
    public static float Reference(byte* a, byte* b, int dimensions) => 1 + ScalarCodeDot.Reference(a, b, dimensions);
}

/// <summary>The negative dot product, estimated from the codes of <see cref="ScalarCode"/>.</summary>
public readonly unsafe struct ScalarCodeDot : IRowDistance<ScalarCodeDot>
{
    /// <inheritdoc/>
    public static int RowBytes(int dimensions) => ScalarCode.RowBytes(dimensions);

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Between(byte* query, byte* row, int rowBytes) =>
        -(Sums.DotBytes((sbyte*)query, (sbyte*)row, rowBytes, 8) * (((float*)(query + rowBytes))[-2] * ((float*)(row + rowBytes))[-2]));

    /// <inheritdoc/>
    public static bool AreAlike(byte* a, byte* b, int rowBytes) => ScalarCode.AreAlikeInProducts(a, b, rowBytes);

    /// <inheritdoc/>
    public static float Reference(byte* a, byte* b, int dimensions)
    {
        var rowBytes = RowBytes(dimensions);
        return -((float)PlainSums<sbyte>.Dot(a, b, dimensions) * ((float*)(a + rowBytes))[-2] * ((float*)(b + rowBytes))[-2]);
    }
}

/// <summary>The squared Euclidean distance, estimated from the codes of <see cref="ScalarCode"/>: |a|² + |b|² − 2 a·b.</summary>
public readonly unsafe struct ScalarCodeEuclidean : IRowDistance<ScalarCodeEuclidean>
{
    /// <inheritdoc/>
    public static int RowBytes(int dimensions) => ScalarCode.RowBytes(dimensions);

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Between(byte* query, byte* row, int rowBytes) =>
        ((float*)(query + rowBytes))[-1] + ((float*)(row + rowBytes))[-1] + (2 * ScalarCodeDot.Between(query, row, rowBytes));

    /// <inheritdoc/>
    public static bool AreAlike(byte* a, byte* b, int rowBytes) => ScalarCode.AreAlike(a, b, rowBytes, MathF.Max(ScalarCode.Squares(a, rowBytes), ScalarCode.Squares(b, rowBytes)));

    /// <inheritdoc/>
    public static float Reference(byte* a, byte* b, int dimensions)
    {
        var rowBytes = RowBytes(dimensions);
        return ((float*)(a + rowBytes))[-1] + ((float*)(b + rowBytes))[-1] + (2 * ScalarCodeDot.Reference(a, b, dimensions));
    }
}
