using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Abi.Compute.Distances;

/// <summary>
/// Sums over two rows of whole 64-byte blocks, four accumulators wide. The order of the additions depends on the width of the machine's vectors only, never on who calls.
/// </summary>
internal static unsafe class Sums
{
    /// <summary>Puts a vector's bytes at the beginning of a row and zeros behind them.</summary>
    public static void Fill(ReadOnlySpan<byte> vector, byte* row, int rowBytes)
    {
        var target = new Span<byte>(row, rowBytes);
        vector.CopyTo(target);
        target[vector.Length..].Clear();
    }

    /// <summary>Σ a·b over the elements of two rows; the last <paramref name="maskedBytes"/> bytes do not count.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Dot<T>(byte* a, byte* b, int rowBytes, int maskedBytes)
        where T : unmanaged
    {
        if (typeof(T) == typeof(sbyte))
        {
            return DotBytes((sbyte*)a, (sbyte*)b, rowBytes, maskedBytes);
        }

        return typeof(T) == typeof(Half) ? DotHalves((ushort*)a, (ushort*)b, rowBytes >> 6, maskedBytes / sizeof(Half)) : throw NoKernel<T>();
    }

    /// <summary>Σ (a − b)² over the elements of two rows.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float SquaredDifference<T>(byte* a, byte* b, int rowBytes)
        where T : unmanaged
    {
        if (typeof(T) == typeof(sbyte))
        {
            return SquaredDifferenceBytes((sbyte*)a, (sbyte*)b, rowBytes >> 6);
        }

        return typeof(T) == typeof(Half) ? SquaredDifferenceHalves((ushort*)a, (ushort*)b, rowBytes >> 6) : throw NoKernel<T>();
    }

    /// <summary>Σ a·b over signed bytes; the last <paramref name="maskedBytes"/> bytes do not count.</summary>
    /// <param name="a">sbyte [bytes].</param>
    /// <param name="b">sbyte [bytes].</param>
    /// <param name="bytes">A multiple of 16, at least 64.</param>
    /// <param name="maskedBytes">At most 31.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int DotBytes(sbyte* a, sbyte* b, int bytes, int maskedBytes)
    {
        if (Avx512BW.IsSupported)
        {
            var sum0 = Vector512<int>.Zero;
            var sum1 = Vector512<int>.Zero;
            var last = bytes - 64;
            var i = 0;
            for (; i < last; i += 64)
            {
                sum0 += Avx512BW.MultiplyAddAdjacent(Avx512BW.ConvertToVector512Int16(Vector256.Load(a + i)), Avx512BW.ConvertToVector512Int16(Vector256.Load(b + i)));
                sum1 += Avx512BW.MultiplyAddAdjacent(Avx512BW.ConvertToVector512Int16(Vector256.Load(a + i + 32)), Avx512BW.ConvertToVector512Int16(Vector256.Load(b + i + 32)));
            }

            // The last 64 bytes, without those that were added already.
            var done = Vector256.Create((sbyte)(i - last));
            var low = Vector256.GreaterThanOrEqual(Vector256<sbyte>.Indices, done);
            var high = Vector256.GreaterThanOrEqual(Vector256<sbyte>.Indices + Vector256.Create((sbyte)32), done) & Vector256.LessThan(Vector256<sbyte>.Indices, Vector256.Create((sbyte)(32 - maskedBytes)));
            sum0 += Avx512BW.MultiplyAddAdjacent(Avx512BW.ConvertToVector512Int16(Vector256.Load(a + last) & low), Avx512BW.ConvertToVector512Int16(Vector256.Load(b + last)));
            sum1 += Avx512BW.MultiplyAddAdjacent(Avx512BW.ConvertToVector512Int16(Vector256.Load(a + last + 32) & high), Avx512BW.ConvertToVector512Int16(Vector256.Load(b + last + 32)));
            return Vector512.Sum(sum0 + sum1);
        }

        return DotBytesNarrow(a, b, bytes - maskedBytes);
    }

    /// <summary>Σ (a − b)² over signed bytes.</summary>
    private static int SquaredDifferenceBytes(sbyte* a, sbyte* b, int blocks)
    {
        var sum = Vector256<int>.Zero;
        for (var i = 0; i < blocks * 64; i += 16)
        {
            var (aLow, aHigh) = Vector128.Widen(Vector128.Load(a + i));
            var (bLow, bHigh) = Vector128.Widen(Vector128.Load(b + i));
            var (low, high) = (aLow - bLow, aHigh - bHigh);
            sum += Squares(low) + Squares(high);
        }

        return Vector256.Sum(sum);
    }

    /// <summary>How many bits differ.</summary>
    public static int DifferentBits(ulong* a, ulong* b, int blocks)
    {
        var (sum0, sum1) = (0, 0);
        for (var i = 0; i < blocks * 8; i += 2)
        {
            sum0 += BitOperations.PopCount(a[i] ^ b[i]);
            sum1 += BitOperations.PopCount(a[i + 1] ^ b[i + 1]);
        }

        return sum0 + sum1;
    }

    /// <summary>Sixteen half-precision numbers as floats. Exact for finite numbers, subnormal ones too.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static (Vector256<float> Low, Vector256<float> High) Widen(ushort* halves)
    {
        var (low, high) = Vector256.Widen(Vector256.Load(halves));
        return (ToSingle(low), ToSingle(high));
    }

    /// <summary>Σ a·b over half-precision numbers; the last <paramref name="masked"/> of them do not count.</summary>
    private static float DotHalves(ushort* a, ushort* b, int blocks, int masked)
    {
        var count = blocks * 32;
        var sum0 = Vector256<float>.Zero;
        var sum1 = Vector256<float>.Zero;
        var i = 0;
        for (; i < count - 16; i += 16)
        {
            var (aLow, aHigh) = Widen(a + i);
            var (bLow, bHigh) = Widen(b + i);
            sum0 = Vector256.FusedMultiplyAdd(aLow, bLow, sum0);
            sum1 = Vector256.FusedMultiplyAdd(aHigh, bHigh, sum1);
        }

        var keep = Vector256.LessThan(Vector256<int>.Indices, Vector256.Create(8 - masked)).AsSingle();
        var (lastALow, lastAHigh) = Widen(a + i);
        var (lastBLow, lastBHigh) = Widen(b + i);
        sum0 = Vector256.FusedMultiplyAdd(lastALow, lastBLow, sum0);
        sum1 = Vector256.FusedMultiplyAdd(lastAHigh & keep, lastBHigh & keep, sum1);
        return Vector256.Sum(sum0 + sum1);
    }

    /// <summary>Σ (a − b)² over half-precision numbers.</summary>
    private static float SquaredDifferenceHalves(ushort* a, ushort* b, int blocks)
    {
        var sum0 = Vector256<float>.Zero;
        var sum1 = Vector256<float>.Zero;
        for (var i = 0; i < blocks * 32; i += 16)
        {
            var (aLow, aHigh) = Widen(a + i);
            var (bLow, bHigh) = Widen(b + i);
            var (low, high) = (aLow - bLow, aHigh - bHigh);
            sum0 = Vector256.FusedMultiplyAdd(low, low, sum0);
            sum1 = Vector256.FusedMultiplyAdd(high, high, sum1);
        }

        return Vector256.Sum(sum0 + sum1);
    }

    private static NotSupportedException NoKernel<T>() => new($"There is no kernel for vectors of {typeof(T).Name}, only for those of SByte and Half.");

    // The exponent is moved by a multiplication, which gets subnormal numbers right: bits · 2^112.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<float> ToSingle(Vector256<uint> halves)
    {
        var magnitude = ((halves & Vector256.Create(0x7FFFu)) << 13).AsSingle() * Vector256.Create(BitConverter.UInt32BitsToSingle(0x7780_0000));
        return (magnitude.AsUInt32() | ((halves & Vector256.Create(0x8000u)) << 16)).AsSingle();
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<int> Squares(Vector128<short> x)
    {
        var (low, high) = Vector128.Widen(x);
        var wide = Vector256.Create(low, high);
        return wide * wide;
    }

    private static int DotBytesNarrow(sbyte* a, sbyte* b, int count)
    {
        var sum = Vector256<int>.Zero;
        var i = 0;
        for (; i <= count - 16; i += 16)
        {
            if (Avx2.IsSupported)
            {
                sum += Avx2.MultiplyAddAdjacent(Avx2.ConvertToVector256Int16(Vector128.Load(a + i)), Avx2.ConvertToVector256Int16(Vector128.Load(b + i)));
                continue;
            }

            var (aLow, aHigh) = Vector128.Widen(Vector128.Load(a + i));
            var (bLow, bHigh) = Vector128.Widen(Vector128.Load(b + i));
            var (lowLow, lowHigh) = Vector128.Widen(aLow * bLow); // |a·b| ≤ 2^14 fits a short
            var (highLow, highHigh) = Vector128.Widen(aHigh * bHigh);
            sum += Vector256.Create(lowLow + highLow, lowHigh + highHigh);
        }

        var total = Vector256.Sum(sum);
        for (; i < count; i++)
        {
            total += a[i] * b[i];
        }

        return total;
    }
}
