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
    /// <summary>Sixteen elements, from the i-th on, of what is summed over: in order, or the even and the odd ones apart.</summary>
    internal interface IElements
    {
        static abstract Vector512<float> Load512(byte* from, int i, int half, Vector512<int> mask);

        static abstract void Load256(byte* from, int i, int half, out Vector256<float> even, out Vector256<float> odd);
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
        return IsWide ? Sum512<TA, TB, TTerm>(a, b, rowBytes) : Sum256<TA, TB, TTerm>(a, b, rowBytes);
    }

    /// <summary>The sums over a query and each of four rows: what is loaded of the query serves all four, and so does the adding up of lanes.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> SumFour<TElements, TTerm>(byte* query, byte* row0, byte* row1, byte* row2, byte* row3, int rowBytes)
        where TElements : struct, IElements
        where TTerm : struct, ITerm
    {
        return IsWide ? SumFour512<TElements, TTerm>(query, row0, row1, row2, row3, rowBytes) : SumFour256<TElements, TTerm>(query, row0, row1, row2, row3, rowBytes);
    }

    /// <summary>Whether sums are of 512 bits. Otherwise they meet the even elements of each sixteen before the odd ones.</summary>
    public static bool IsWide
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => Vector512.IsHardwareAccelerated && Avx512F.IsSupported;
    }

    /// <summary>Where a query has its floats in that order.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float* Ordered(byte* query, int rowBytes) => (float*)(query + rowBytes + 64);

    /// <summary>Puts floats into that order.</summary>
    /// <param name="values">float [count].</param>
    /// <param name="ordered">float [count].</param>
    /// <param name="count">A multiple of 16.</param>
    public static void Order(float* values, float* ordered, int count)
    {
        for (var i = 0; i < count; i++)
        {
            ordered[(i & ~15) | ((i & 1) << 3) | ((i & 15) >> 1)] = values[i];
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<float> SumFour512<TElements, TTerm>(byte* query, byte* row0, byte* row1, byte* row2, byte* row3, int rowBytes)
        where TElements : struct, IElements
        where TTerm : struct, ITerm
    {
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

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static float Sum256<TA, TB, TTerm>(byte* a, byte* b, int rowBytes)
        where TA : struct, IElements
        where TB : struct, IElements
        where TTerm : struct, ITerm
    {
        var half = rowBytes >> 1;
        var last = (rowBytes >> 2) - 16;
        var sum0 = Vector256<float>.Zero;
        var sum1 = Vector256<float>.Zero;
        var sum2 = Vector256<float>.Zero;
        var sum3 = Vector256<float>.Zero;
        var i = 0;
        for (; i + 32 <= last; i += 32)
        {
            TA.Load256(a, i, half, out var even, out var odd);
            TB.Load256(b, i, half, out var otherEven, out var otherOdd);
            sum0 = TTerm.Add(even, otherEven, sum0);
            sum1 = TTerm.Add(odd, otherOdd, sum1);
            TA.Load256(a, i + 16, half, out even, out odd);
            TB.Load256(b, i + 16, half, out otherEven, out otherOdd);
            sum2 = TTerm.Add(even, otherEven, sum2);
            sum3 = TTerm.Add(odd, otherOdd, sum3);
        }

        if (i < last)
        {
            TA.Load256(a, i, half, out var even, out var odd);
            TB.Load256(b, i, half, out var otherEven, out var otherOdd);
            sum0 = TTerm.Add(even, otherEven, sum0);
            sum1 = TTerm.Add(odd, otherOdd, sum1);
        }

        TA.Load256(a, last, half, out var lastEven, out var lastOdd);
        TB.Load256(b, last, half, out var otherLastEven, out var otherLastOdd);
        sum2 = TTerm.Add(WithoutTail(lastEven), WithoutTail(otherLastEven), sum2);
        sum3 = TTerm.Add(WithoutTail(lastOdd), WithoutTail(otherLastOdd), sum3);
        return Vector256.Sum((sum0 + sum1) + (sum2 + sum3));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<float> SumFour256<TElements, TTerm>(byte* query, byte* row0, byte* row1, byte* row2, byte* row3, int rowBytes)
        where TElements : struct, IElements
        where TTerm : struct, ITerm
    {
        var half = rowBytes >> 1;
        var last = (rowBytes >> 2) - 16;
        var (even0, even1, even2, even3) = (Vector256<float>.Zero, Vector256<float>.Zero, Vector256<float>.Zero, Vector256<float>.Zero);
        var (odd0, odd1, odd2, odd3) = (Vector256<float>.Zero, Vector256<float>.Zero, Vector256<float>.Zero, Vector256<float>.Zero);
        Vector256<float> even, odd;
        for (var i = 0; i < last; i += 16)
        {
            Query.Load256(query, i, half, out var queryEven, out var queryOdd);
            TElements.Load256(row0, i, half, out even, out odd);
            even0 = TTerm.Add(queryEven, even, even0);
            odd0 = TTerm.Add(queryOdd, odd, odd0);
            TElements.Load256(row1, i, half, out even, out odd);
            even1 = TTerm.Add(queryEven, even, even1);
            odd1 = TTerm.Add(queryOdd, odd, odd1);
            TElements.Load256(row2, i, half, out even, out odd);
            even2 = TTerm.Add(queryEven, even, even2);
            odd2 = TTerm.Add(queryOdd, odd, odd2);
            TElements.Load256(row3, i, half, out even, out odd);
            even3 = TTerm.Add(queryEven, even, even3);
            odd3 = TTerm.Add(queryOdd, odd, odd3);
        }

        Query.Load256(query, last, half, out var lastEven, out var lastOdd);
        TElements.Load256(row0, last, half, out even, out odd);
        var sum0 = TTerm.Add(lastEven, WithoutTail(even), even0) + TTerm.Add(lastOdd, WithoutTail(odd), odd0);
        TElements.Load256(row1, last, half, out even, out odd);
        var sum1 = TTerm.Add(lastEven, WithoutTail(even), even1) + TTerm.Add(lastOdd, WithoutTail(odd), odd1);
        TElements.Load256(row2, last, half, out even, out odd);
        var sum2 = TTerm.Add(lastEven, WithoutTail(even), even2) + TTerm.Add(lastOdd, WithoutTail(odd), odd2);
        TElements.Load256(row3, last, half, out even, out odd);
        var sum3 = TTerm.Add(lastEven, WithoutTail(even), even3) + TTerm.Add(lastOdd, WithoutTail(odd), odd3);
        if (!Avx.IsSupported)
        {
            return Vector128.Create(Vector256.Sum(sum0), Vector256.Sum(sum1), Vector256.Sum(sum2), Vector256.Sum(sum3));
        }

        var sums = Avx.HorizontalAdd(Avx.HorizontalAdd(sum0, sum1), Avx.HorizontalAdd(sum2, sum3));
        return sums.GetLower() + sums.GetUpper();
    }

    // In the last block of a row, its last four elements are the tail.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<float> WithoutTail(Vector256<float> elements) => elements & Vector256.Create(-1, -1, -1, -1, -1, -1, 0, 0).AsSingle();

    /// <summary>The floats of a query. They are zero where a row has its tail.</summary>
    internal readonly struct Query : IElements
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector512<float> Load512(byte* from, int i, int half, Vector512<int> mask) => Vector512.Load((float*)from + i);

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static void Load256(byte* from, int i, int half, out Vector256<float> even, out Vector256<float> odd)
        {
            even = Vector256.Load(Ordered(from, 2 * half) + i);
            odd = Vector256.Load(Ordered(from, 2 * half) + i + 8);
        }
    }

    /// <summary>The upper halves of a row's elements.</summary>
    internal readonly struct Upper : IElements
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector512<float> Load512(byte* from, int i, int half, Vector512<int> mask) =>
            ((Avx512F.ConvertToVector512Int32(Vector256.Load((ushort*)from + i)) << 16) & mask).AsSingle();

        // Two elements stand in 32 bits, so that a shift and a mask make floats of them: cheaper than putting each into 32 bits of its own, in order.
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static void Load256(byte* from, int i, int half, out Vector256<float> even, out Vector256<float> odd)
        {
            var pairs = Vector256.Load((int*)((ushort*)from + i));
            even = (pairs << 16).AsSingle();
            odd = (pairs & Vector256.Create(~0xFFFF)).AsSingle();
        }
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
        public static void Load256(byte* from, int i, int half, out Vector256<float> even, out Vector256<float> odd)
        {
            var upper = Vector256.Load((int*)((ushort*)from + i));
            var lower = Vector256.Load((int*)((ushort*)(from + half) + i));
            even = ((upper << 16) + ((lower << 16) >> 16)).AsSingle();
            odd = ((upper & Vector256.Create(~0xFFFF)) + (lower >> 16)).AsSingle();
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
}
