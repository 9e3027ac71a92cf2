namespace Abi.Compute.Distances;

/// <summary>
/// Scalar quantization of a float32 vector to signed bytes, symmetric with a scale of its own: x ≈ scale · code. A row of codes: sbyte [dimensions], zeros, then two
/// floats in the last eight bytes: a factor (for cosine scale / norm, else scale) and the squared norm of what the codes stand for.
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
        var (largest, squares) = (0f, 0.0);
        for (var i = 0; i < dimensions; i++)
        {
            largest = MathF.Max(largest, MathF.Abs(vector[i]));
            squares += (double)vector[i] * vector[i];
        }

        new Span<byte>(row, RowBytes(dimensions)).Clear();
        var scale = largest / 127f;
        var inverse = largest > 0 ? 127f / largest : 0;
        for (var i = 0; i < dimensions; i++)
        {
            ((sbyte*)row)[i] = (sbyte)MathF.Round(vector[i] * inverse);
        }

        var tail = (float*)(row + RowBytes(dimensions));
        tail[-2] = isNormalised && squares > 0 ? (float)(scale / Math.Sqrt(squares)) : scale;
        tail[-1] = (float)squares;
    }

    /// <summary>Whether no element of two rows is farther apart than four times the half steps that rounding may have left out of both: products of codes do not tell which of such rows are near one another.</summary>
    internal static bool AreAlike(byte* a, byte* b, int rowBytes)
    {
        var (factorA, factorB) = (((float*)(a + rowBytes))[-2], ((float*)(b + rowBytes))[-2]);
        var most = 2 * (factorA + factorB);
        for (var i = 0; i < rowBytes - SplitRow.TailBytes; i++)
        {
            if (!(MathF.Abs((((sbyte*)a)[i] * factorA) - (((sbyte*)b)[i] * factorB)) <= most))
            {
                return false;
            }
        }

        return true;
    }
}
