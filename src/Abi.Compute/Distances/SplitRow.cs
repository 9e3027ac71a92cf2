using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Abi.Compute.Distances;

/// <summary>
/// The row of a float32 vector, in two halves: the upper 16 bits of each element, rounded (ushort [dimensions]), zeros and a tail of two floats; then the lower 16 bits (ushort [dimensions]) and zeros.
/// An element is (upper &lt;&lt; 16) + (short)lower, bit by bit. The upper halves alone are the vector rounded to 8 significant bits, in half the memory. The tail: a factor (for cosine 1 / norm, else 1) and
/// how far at most an estimate is off for a query of norm 1.
/// </summary>
internal static unsafe class SplitRow
{
    /// <summary>Bytes of the tail.</summary>
    public const int TailBytes = 8;

    /// <summary>
    /// How many roundings apart vectors are as good as one where products give their order: those of near vectors differ by the square of what lies between them, and are off in proportion to rounding.
    /// </summary>
    public const double AlikeInProducts = 4;

    public static int RowBytes(int dimensions) => ((dimensions * 4) + (2 * TailBytes) + 63) & ~63;

    /// <summary>
    /// The bytes of a query: float [rowBytes / 4], zeros behind the elements; a factor, a norm and its square in 64 bytes; where sums want them in an order of their own, the floats once more in that order.
    /// </summary>
    public static int QueryBytes(int rowBytes) => rowBytes + 64 + (SplitSums.IsWide ? 0 : rowBytes);

    public static void Encode(ReadOnlySpan<byte> vector, byte* row, int dimensions, bool isCosine)
    {
        var rowBytes = RowBytes(dimensions);
        new Span<byte>(row, rowBytes).Clear();
        var upper = (ushort*)row;
        var lower = (ushort*)(row + (rowBytes >> 1));
        var (squares, left) = (0.0, 0.0);
        var values = MemoryMarshal.Cast<byte, float>(vector);
        for (var i = 0; i < dimensions; i++)
        {
            var bits = BitConverter.SingleToUInt32Bits(values[i]);
            upper[i] = (ushort)((bits + 0x8000) >> 16);
            lower[i] = (ushort)bits;
            squares += (double)values[i] * values[i];
            var difference = values[i] - (double)BitConverter.UInt32BitsToSingle((uint)upper[i] << 16);
            left += difference * difference;
        }

        // What rounding left out, and what the additions of floats may be off: of the estimate in at least sixteen sums, of the exact distance in at least 32.
        var norm = Math.Sqrt(squares);
        var off = (Math.Sqrt(left) * 1.0001) + (((dimensions / 16.0) + (dimensions / 32.0) + 16) * norm / (1 << 24));
        var tail = (float*)(row + (rowBytes >> 1));
        tail[-2] = isCosine ? (float)(1 / norm) : 1;
        tail[-1] = isCosine ? (float)(off / norm) : (float)off;
    }

    public static void Decode(byte* row, Span<byte> vector, int dimensions)
    {
        var half = RowBytes(dimensions) >> 1;
        var values = MemoryMarshal.Cast<byte, float>(vector);
        for (var i = 0; i < dimensions; i++)
        {
            values[i] = Element(row, half, i);
        }
    }

    public static void Prepare(byte* row, byte* query, int rowBytes)
    {
        var half = rowBytes >> 1;
        var count = (half - TailBytes) / sizeof(ushort);
        var values = (float*)query;
        new Span<byte>(query, QueryBytes(rowBytes)).Clear();
        var squares = 0.0;
        for (var i = 0; i < count; i++)
        {
            values[i] = Element(row, half, i);
            squares += (double)values[i] * values[i];
        }

        var factors = (float*)(query + rowBytes);
        (factors[0], factors[1], factors[2]) = (((float*)(row + half))[-2], (float)Math.Sqrt(squares), (float)squares);
        if (!SplitSums.IsWide)
        {
            SplitSums.Order(values, SplitSums.Ordered(query, rowBytes), rowBytes / sizeof(float));
        }
    }

    /// <summary>Whether no more lies between the upper halves of two rows than some times what rounding left out of both. Most rows differ by more in their first elements already.</summary>
    public static bool AreAlike(byte* a, byte* b, int rowBytes, double times)
    {
        var (factorA, factorB) = ((double)Factor(a, rowBytes), (double)Factor(b, rowBytes));
        var most = times * ((double)Off(a, rowBytes) + Off(b, rowBytes));
        var squares = 0.0;
        for (var i = 0; i < ((rowBytes >> 1) - TailBytes) / sizeof(ushort); i++)
        {
            var difference = (Upper(a, i) * factorA) - (Upper(b, i) * factorB);
            squares += difference * difference;
            if (!(squares <= most * most))
            {
                return false;
            }
        }

        return true;
    }

    /// <summary>The factor of a row.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Factor(byte* row, int rowBytes) => ((float*)(row + (rowBytes >> 1)))[-2];

    /// <summary>How far an estimate is off at most, for a query of norm 1.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Off(byte* row, int rowBytes) => ((float*)(row + (rowBytes >> 1)))[-1];

    /// <summary>The factor of a query.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float QueryFactor(byte* query, int rowBytes) => ((float*)(query + rowBytes))[0];

    /// <summary>The norm of a query.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float QueryNorm(byte* query, int rowBytes) => ((float*)(query + rowBytes))[1];

    /// <summary>The square of that norm.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float QuerySquares(byte* query, int rowBytes) => ((float*)(query + rowBytes))[2];

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static float Upper(byte* row, int i) => BitConverter.Int32BitsToSingle(((ushort*)row)[i] << 16);

    private static float Element(byte* row, int half, int i) => BitConverter.Int32BitsToSingle((((ushort*)row)[i] << 16) + ((short*)(row + half))[i]);
}
