using System.Runtime.CompilerServices;

namespace Abi.Compute.Distances;

/// <summary>
/// Which rows are so near that an estimate says too little. The upper halves of a <see cref="SplitRow"/> are off by up to 2⁻⁹ of the vector's length, and of vectors that are not much farther apart
/// estimates do not tell which are near one another: a walk would be lost among them. There the distance itself is taken. Next to no pair of most vectors that are searched is that near.
/// </summary>
internal static unsafe class NearRows
{
    /// <summary>From so many times what rounding may have moved a row by, an estimate of a Euclidean distance will do: it is off by a quarter at the worst, and mostly by far less.</summary>
    public const float Roundings = 8;

    /// <summary>From this distance of directions, 1 − cos, an estimate will do: it is off by 2⁻⁹ at the worst, and by far less in many dimensions, since roundings cancel.</summary>
    public const float Direction = 1f / 128;

    /// <summary>About the same where lengths are not known: in what rounding may have moved both rows by.</summary>
    public const float ProductRoundings = 64;

    /// <summary>That distance, squared, for rows near a query: they have about its length, and are rounded by up to 2⁻⁹ of that.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Euclidean(byte* query, int rowBytes) => SplitRow.QuerySquares(query, rowBytes) * (Roundings * Roundings / (1 << 18));

    /// <summary>That distance, squared, for two rows.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Euclidean(byte* a, byte* b, int rowBytes)
    {
        var near = Roundings * (SplitRow.Off(a, rowBytes) + SplitRow.Off(b, rowBytes));
        return near * near;
    }

    /// <summary>Takes distances in place of estimates.</summary>
    /// <param name="query">Made for the distance.</param>
    /// <param name="row0">A row.</param>
    /// <param name="row1">A row.</param>
    /// <param name="row2">A row.</param>
    /// <param name="row3">A row.</param>
    /// <param name="rowBytes">The bytes of each row.</param>
    /// <param name="distances">float [4], the estimates.</param>
    /// <param name="near">A bit for each row that is near.</param>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static void Refine<TDistance>(byte* query, byte* row0, byte* row1, byte* row2, byte* row3, int rowBytes, float* distances, uint near)
        where TDistance : struct, IRowDistance<TDistance>
    {
        var rows = stackalloc byte*[] { row0, row1, row2, row3 };
        for (var i = 0; i < 4; i++)
        {
            if ((near >> i & 1) != 0)
            {
                distances[i] = TDistance.Between(query, rows[i], rowBytes);
            }
        }
    }
}
