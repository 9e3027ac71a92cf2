namespace Abi.Compute.Distances;

/// <summary>
/// Scalar quantization of a float32 vector to signed bytes, symmetric with a scale of its own. A row stands for the direction of its code and the length of the vector (for cosine 1), so that no other
/// is nearer to it than itself, and near ones are told apart: sbyte [dimensions], zeros, then two floats in the last eight bytes: length / the norm of the code, and the squared length.
/// </summary>
public static unsafe class ScalarCode
{
    /// <summary>The bytes of a row of codes: a multiple of 16, at least 64, so that a row takes a quarter of the room that the floats take.</summary>
    public static int RowBytes(int dimensions) => Math.Max((dimensions + 8 + 15) & ~15, 64);

    /// <summary>Encodes a vector.</summary>
    /// <param name="vector">float [dimensions], finite.</param>
    /// <param name="row">The row of codes to write, <see cref="RowBytes"/> long.</param>
    /// <param name="dimensions">The elements of the vector.</param>
    /// <param name="isNormalised">Whether the codes stand for the vector divided by its norm (cosine).</param>
    public static void Encode(float* vector, byte* row, int dimensions, bool isNormalised)
    {
        var (largest, length) = (0f, 0.0);
        for (var i = 0; i < dimensions; i++)
        {
            largest = MathF.Max(largest, MathF.Abs(vector[i]));
            length += (double)vector[i] * vector[i];
        }

        length = isNormalised ? 1 : Math.Sqrt(length);
        new Span<byte>(row, RowBytes(dimensions)).Clear();
        var inverse = largest > 0 ? 127f / largest : 0;
        var squares = 0L;
        for (var i = 0; i < dimensions; i++)
        {
            var code = (sbyte)MathF.Round(vector[i] * inverse);
            ((sbyte*)row)[i] = code;
            squares += code * code;
        }

        var tail = (float*)(row + RowBytes(dimensions));
        tail[-2] = squares > 0 ? (float)(length / Math.Sqrt(squares)) : 0;
        tail[-1] = (float)(length * length);
    }

    /// <summary>The squared length of what a row stands for.</summary>
    internal static float Squares(byte* row, int rowBytes) => ((float*)(row + rowBytes))[-1];

    /// <summary>Whether what two rows stand for is so near that the roundings of a product may be all that is seen between them.</summary>
    /// <param name="a">A row.</param>
    /// <param name="b">A row.</param>
    /// <param name="rowBytes">The bytes of each row.</param>
    /// <param name="squares">The squared length of what they stand for, or of the longer one.</param>
    internal static bool AreAlike(byte* a, byte* b, int rowBytes, float squares) => Apart(a, b, rowBytes, MostAlike(squares)) <= MostAlike(squares);

    /// <summary>
    /// The same where products alone give the order, not distances: of near vectors of several lengths the longest is nearest to all, nearer than they are to themselves, and no order to find a way by.
    /// So those are alike, too, that are hardly farther apart than codes are, and of which one is nearer to the other than the other itself.
    /// </summary>
    internal static bool AreAlikeInProducts(byte* a, byte* b, int rowBytes)
    {
        var (squaresA, squaresB) = (Squares(a, rowBytes), Squares(b, rowBytes));
        var step = Factor(a, rowBytes) + Factor(b, rowBytes);
        var apart = Apart(a, b, rowBytes, step * step * (rowBytes - SplitRow.TailBytes));
        return apart <= MostAlike(MathF.Max(squaresA, squaresB)) || MathF.Abs(squaresA - squaresB) > apart;
    }

    private static float Factor(byte* row, int rowBytes) => ((float*)(row + rowBytes))[-2];

    // A few times the last bit of a float.
    private static float MostAlike(float squares) => squares / (1 << 21);

    // The squared distance of what two rows stand for; infinite when it is above a limit.
    private static float Apart(byte* a, byte* b, int rowBytes, float limit)
    {
        var (factorA, factorB) = (Factor(a, rowBytes), Factor(b, rowBytes));
        var apart = 0f;
        for (var i = 0; i < rowBytes - SplitRow.TailBytes; i++)
        {
            var difference = (((sbyte*)a)[i] * factorA) - (((sbyte*)b)[i] * factorB);
            apart += difference * difference;
            if (!(apart <= limit))
            {
                return float.PositiveInfinity;
            }
        }

        return apart;
    }
}
