using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Abi.Compute.Distances;

/// <summary>
/// Sums over a query and a <see cref="SplitRow"/>, or over two such rows. The order of the additions depends on the width of the machine's vectors only, never on who calls. Each function
/// is compiled for the parts that it reads.
/// </summary>
internal static unsafe class SplitSums
{
    /// <summary>Sixteen or eight elements, from the i-th on, of what is summed over.</summary>
    internal interface IElements
    {
        static abstract Vector512<float> Load512(byte* from, int i, int half, Vector512<int> mask);

        static abstract Vector256<float> Load256(byte* from, int i, int half, Vector256<int> mask);
    }

    /// <summary>What is added up.</summary>
    internal interface ITerm
    {
        static abstract Vector512<float> Add(Vector512<float> a, Vector512<float> b, Vector512<float> sum);

        static abstract Vector256<float> Add(Vector256<float> a, Vector256<float> b, Vector256<float> sum);
    }

    /// <summary>The sum over all elements of two operands.</summary>
    /// <param name="a">A query or a row.</param>
    /// <param name="b">A row.</param>
    /// <param name="rowBytes">The bytes of a row: a multiple of 64, 16 elements each; the last four elements' room is the tail's.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Sum<TA, TB, TTerm>(byte* a, byte* b, int rowBytes)
        where TA : struct, IElements
        where TB : struct, IElements
        where TTerm : struct, ITerm
    {
        return Vector512.IsHardwareAccelerated && Avx512F.IsSupported ? Sum512<TA, TB, TTerm>(a, b, rowBytes) : Sum256<TA, TB, TTerm>(a, b, rowBytes);
    }

    /// <summary>The sums over a query and each of four rows: what is loaded of the query serves all four, and so does the adding up of lanes.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> SumFour<TElements, TTerm>(byte* query, byte* row0, byte* row1, byte* row2, byte* row3, int rowBytes)
        where TElements : struct, IElements
        where TTerm : struct, ITerm
    {
        if (!(Vector512.IsHardwareAccelerated && Avx512F.IsSupported))
        {
            return Vector128.Create(
                Sum256<Query, TElements, TTerm>(query, row0, rowBytes), Sum256<Query, TElements, TTerm>(query, row1, rowBytes),
                Sum256<Query, TElements, TTerm>(query, row2, rowBytes), Sum256<Query, TElements, TTerm>(query, row3, rowBytes));
        }

        var all = Vector512<int>.AllBitsSet;
        var half = rowBytes >> 1;
        var last = (rowBytes >> 2) - 16;
        var sum0 = Vector512<float>.Zero;
        var sum1 = Vector512<float>.Zero;
        var sum2 = Vector512<float>.Zero;
        var sum3 = Vector512<float>.Zero;
        for (var i = 0; i < last; i += 16)
        {
            var elements = Query.Load512(query, i, half, all);
            sum0 = TTerm.Add(elements, TElements.Load512(row0, i, half, all), sum0);
            sum1 = TTerm.Add(elements, TElements.Load512(row1, i, half, all), sum1);
            sum2 = TTerm.Add(elements, TElements.Load512(row2, i, half, all), sum2);
            sum3 = TTerm.Add(elements, TElements.Load512(row3, i, half, all), sum3);
        }

        var mask = Vector512.Create(-1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, 0, 0, 0, 0);
        var end = Query.Load512(query, last, half, mask);
        sum0 = TTerm.Add(end, TElements.Load512(row0, last, half, mask), sum0);
        sum1 = TTerm.Add(end, TElements.Load512(row1, last, half, mask), sum1);
        sum2 = TTerm.Add(end, TElements.Load512(row2, last, half, mask), sum2);
        sum3 = TTerm.Add(end, TElements.Load512(row3, last, half, mask), sum3);
        return Sse3.HorizontalAdd(Sse3.HorizontalAdd(Fold(sum0), Fold(sum1)), Sse3.HorizontalAdd(Fold(sum2), Fold(sum3)));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<float> Fold(Vector512<float> sum)
    {
        var half = sum.GetLower() + sum.GetUpper();
        return half.GetLower() + half.GetUpper();
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static float Sum512<TA, TB, TTerm>(byte* a, byte* b, int rowBytes)
        where TA : struct, IElements
        where TB : struct, IElements
        where TTerm : struct, ITerm
    {
        var all = Vector512<int>.AllBitsSet;
        var half = rowBytes >> 1;
        var last = (rowBytes >> 2) - 16;
        var sum0 = Vector512<float>.Zero;
        var sum1 = Vector512<float>.Zero;
        var sum2 = Vector512<float>.Zero;
        var sum3 = Vector512<float>.Zero;
        var i = 0;
        for (; i + 64 <= last; i += 64)
        {
            sum0 = TTerm.Add(TA.Load512(a, i, half, all), TB.Load512(b, i, half, all), sum0);
            sum1 = TTerm.Add(TA.Load512(a, i + 16, half, all), TB.Load512(b, i + 16, half, all), sum1);
            sum2 = TTerm.Add(TA.Load512(a, i + 32, half, all), TB.Load512(b, i + 32, half, all), sum2);
            sum3 = TTerm.Add(TA.Load512(a, i + 48, half, all), TB.Load512(b, i + 48, half, all), sum3);
        }

        if (i + 32 <= last)
        {
            sum0 = TTerm.Add(TA.Load512(a, i, half, all), TB.Load512(b, i, half, all), sum0);
            sum1 = TTerm.Add(TA.Load512(a, i + 16, half, all), TB.Load512(b, i + 16, half, all), sum1);
            i += 32;
        }

        if (i < last)
        {
            sum2 = TTerm.Add(TA.Load512(a, i, half, all), TB.Load512(b, i, half, all), sum2);
        }

        var mask = Vector512.Create(-1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, 0, 0, 0, 0);
        sum3 = TTerm.Add(TA.Load512(a, last, half, mask), TB.Load512(b, last, half, mask), sum3);
        return Vector512.Sum((sum0 + sum1) + (sum2 + sum3));
    }

    private static float Sum256<TA, TB, TTerm>(byte* a, byte* b, int rowBytes)
        where TA : struct, IElements
        where TB : struct, IElements
        where TTerm : struct, ITerm
    {
        var all = Vector256<int>.AllBitsSet;
        var half = rowBytes >> 1;
        var last = (rowBytes >> 2) - 16;
        var sum0 = Vector256<float>.Zero;
        var sum1 = Vector256<float>.Zero;
        var sum2 = Vector256<float>.Zero;
        var sum3 = Vector256<float>.Zero;
        var i = 0;
        for (; i + 32 <= last; i += 32)
        {
            sum0 = TTerm.Add(TA.Load256(a, i, half, all), TB.Load256(b, i, half, all), sum0);
            sum1 = TTerm.Add(TA.Load256(a, i + 8, half, all), TB.Load256(b, i + 8, half, all), sum1);
            sum2 = TTerm.Add(TA.Load256(a, i + 16, half, all), TB.Load256(b, i + 16, half, all), sum2);
            sum3 = TTerm.Add(TA.Load256(a, i + 24, half, all), TB.Load256(b, i + 24, half, all), sum3);
        }

        if (i < last)
        {
            sum0 = TTerm.Add(TA.Load256(a, i, half, all), TB.Load256(b, i, half, all), sum0);
            sum1 = TTerm.Add(TA.Load256(a, i + 8, half, all), TB.Load256(b, i + 8, half, all), sum1);
        }

        var mask = Vector256.Create(-1, -1, -1, -1, 0, 0, 0, 0);
        sum2 = TTerm.Add(TA.Load256(a, last, half, all), TB.Load256(b, last, half, all), sum2);
        sum3 = TTerm.Add(TA.Load256(a, last + 8, half, mask), TB.Load256(b, last + 8, half, mask), sum3);
        return Vector256.Sum((sum0 + sum1) + (sum2 + sum3));
    }

    /// <summary>The floats of a query. They are zero where a row has its tail.</summary>
    internal readonly struct Query : IElements
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector512<float> Load512(byte* from, int i, int half, Vector512<int> mask) => Vector512.Load((float*)from + i);

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector256<float> Load256(byte* from, int i, int half, Vector256<int> mask) => Vector256.Load((float*)from + i);
    }

    /// <summary>The upper halves of a row's elements.</summary>
    internal readonly struct Upper : IElements
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector512<float> Load512(byte* from, int i, int half, Vector512<int> mask) =>
            ((Avx512F.ConvertToVector512Int32(Vector256.Load((ushort*)from + i)) << 16) & mask).AsSingle();

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector256<float> Load256(byte* from, int i, int half, Vector256<int> mask) => ((Widen((ushort*)from + i) << 16) & mask).AsSingle();
    }

    /// <summary>A row's elements, whole.</summary>
    internal readonly struct Whole : IElements
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector512<float> Load512(byte* from, int i, int half, Vector512<int> mask)
        {
            var upper = (Avx512F.ConvertToVector512Int32(Vector256.Load((ushort*)from + i)) << 16) & mask;
            return (upper + Avx512F.ConvertToVector512Int32(Vector256.Load((short*)(from + half) + i))).AsSingle();
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector256<float> Load256(byte* from, int i, int half, Vector256<int> mask)
        {
            var upper = (Widen((ushort*)from + i) << 16) & mask;
            var (low, high) = Vector128.Widen(Vector128.Load((short*)(from + half) + i));
            return (upper + Vector256.Create(low, high)).AsSingle();
        }
    }

    /// <summary>a · b.</summary>
    internal readonly struct Product : ITerm
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector512<float> Add(Vector512<float> a, Vector512<float> b, Vector512<float> sum) => Vector512.FusedMultiplyAdd(a, b, sum);

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector256<float> Add(Vector256<float> a, Vector256<float> b, Vector256<float> sum) => Vector256.FusedMultiplyAdd(a, b, sum);
    }

    /// <summary>(a − b)².</summary>
    internal readonly struct SquaredDifference : ITerm
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector512<float> Add(Vector512<float> a, Vector512<float> b, Vector512<float> sum)
        {
            var difference = a - b;
            return Vector512.FusedMultiplyAdd(difference, difference, sum);
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector256<float> Add(Vector256<float> a, Vector256<float> b, Vector256<float> sum)
        {
            var difference = a - b;
            return Vector256.FusedMultiplyAdd(difference, difference, sum);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<int> Widen(ushort* from)
    {
        var (low, high) = Vector128.Widen(Vector128.Load(from));
        return Vector256.Create(low, high).AsInt32();
    }
}
