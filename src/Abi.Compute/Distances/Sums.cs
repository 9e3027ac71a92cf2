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
    /// <summary>Σ a·b over floats; the last <paramref name="masked"/> floats of the last block do not count.</summary>
    /// <param name="a">float [blocks · 16].</param>
    /// <param name="b">float [blocks · 16].</param>
    /// <param name="blocks">At least 1.</param>
    /// <param name="masked">0 or 1.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Dot(float* a, float* b, int blocks, int masked)
    {
        if (Vector512.IsHardwareAccelerated)
        {
            return Dot512(a, b, blocks, masked);
        }

        return Vector256.IsHardwareAccelerated ? Dot256(a, b, blocks, masked) : Dot128(a, b, blocks, masked);
    }

    /// <summary>Σ (a − b)² over floats.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float SquaredDifference(float* a, float* b, int blocks)
    {
        if (Vector512.IsHardwareAccelerated)
        {
            return SquaredDifference512(a, b, blocks);
        }

        return Vector256.IsHardwareAccelerated ? SquaredDifference256(a, b, blocks * 2) : SquaredDifference128(a, b, blocks * 4);
    }

    /// <summary>Σ a·b over signed bytes; the last <paramref name="maskedBytes"/> bytes of the last block do not count.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int DotBytes(sbyte* a, sbyte* b, int blocks, int maskedBytes)
    {
        if (Avx512BW.IsSupported)
        {
            var sum0 = Vector512<int>.Zero;
            var sum1 = Vector512<int>.Zero;
            var count = blocks * 64;
            var i = 0;
            for (; i < count - 64; i += 64)
            {
                sum0 += Avx512BW.MultiplyAddAdjacent(Avx512BW.ConvertToVector512Int16(Vector256.Load(a + i)), Avx512BW.ConvertToVector512Int16(Vector256.Load(b + i)));
                sum1 += Avx512BW.MultiplyAddAdjacent(Avx512BW.ConvertToVector512Int16(Vector256.Load(a + i + 32)), Avx512BW.ConvertToVector512Int16(Vector256.Load(b + i + 32)));
            }

            var mask = Vector256.LessThan(Vector256<sbyte>.Indices, Vector256.Create((sbyte)(32 - maskedBytes)));
            sum0 += Avx512BW.MultiplyAddAdjacent(Avx512BW.ConvertToVector512Int16(Vector256.Load(a + i)), Avx512BW.ConvertToVector512Int16(Vector256.Load(b + i)));
            sum1 += Avx512BW.MultiplyAddAdjacent(Avx512BW.ConvertToVector512Int16(Vector256.Load(a + i + 32) & mask), Avx512BW.ConvertToVector512Int16(Vector256.Load(b + i + 32)));
            return Vector512.Sum(sum0 + sum1);
        }

        return DotBytesNarrow(a, b, (blocks * 64) - maskedBytes);
    }

    /// <summary>Σ (a − b)² over signed bytes.</summary>
    public static int SquaredDifferenceBytes(sbyte* a, sbyte* b, int blocks)
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
    public static float DotHalves(ushort* a, ushort* b, int blocks, int masked)
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
    public static float SquaredDifferenceHalves(ushort* a, ushort* b, int blocks)
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

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static float Dot512(float* a, float* b, int blocks, int masked)
    {
        var sum0 = Vector512<float>.Zero;
        var sum1 = Vector512<float>.Zero;
        var sum2 = Vector512<float>.Zero;
        var sum3 = Vector512<float>.Zero;
        var last = blocks - 1;
        var i = 0;
        for (; i + 4 <= last; i += 4, a += 64, b += 64)
        {
            sum0 = Vector512.FusedMultiplyAdd(Vector512.Load(a), Vector512.Load(b), sum0);
            sum1 = Vector512.FusedMultiplyAdd(Vector512.Load(a + 16), Vector512.Load(b + 16), sum1);
            sum2 = Vector512.FusedMultiplyAdd(Vector512.Load(a + 32), Vector512.Load(b + 32), sum2);
            sum3 = Vector512.FusedMultiplyAdd(Vector512.Load(a + 48), Vector512.Load(b + 48), sum3);
        }

        // At most three, then the last.
        if (i + 2 <= last)
        {
            sum1 = Vector512.FusedMultiplyAdd(Vector512.Load(a), Vector512.Load(b), sum1);
            sum2 = Vector512.FusedMultiplyAdd(Vector512.Load(a + 16), Vector512.Load(b + 16), sum2);
            i += 2;
            a += 32;
            b += 32;
        }

        if (i < last)
        {
            sum3 = Vector512.FusedMultiplyAdd(Vector512.Load(a), Vector512.Load(b), sum3);
            a += 16;
            b += 16;
        }

        var lastA = Vector512.Load(a);
        var lastB = Vector512.Load(b);
        if (masked != 0)
        {
            // One side is enough: what stands in the other's lane is finite.
            lastA &= Vector512.Create(~0u, ~0u, ~0u, ~0u, ~0u, ~0u, ~0u, ~0u, ~0u, ~0u, ~0u, ~0u, ~0u, ~0u, ~0u, 0u).AsSingle();
        }

        sum0 = Vector512.FusedMultiplyAdd(lastA, lastB, sum0);
        return Vector512.Sum((sum0 + sum1) + (sum2 + sum3));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static float SquaredDifference512(float* a, float* b, int blocks)
    {
        var sum0 = Vector512<float>.Zero;
        var sum1 = Vector512<float>.Zero;
        var sum2 = Vector512<float>.Zero;
        var sum3 = Vector512<float>.Zero;
        var i = 0;
        for (; i + 4 <= blocks; i += 4, a += 64, b += 64)
        {
            var d0 = Vector512.Load(a) - Vector512.Load(b);
            var d1 = Vector512.Load(a + 16) - Vector512.Load(b + 16);
            var d2 = Vector512.Load(a + 32) - Vector512.Load(b + 32);
            var d3 = Vector512.Load(a + 48) - Vector512.Load(b + 48);
            sum0 = Vector512.FusedMultiplyAdd(d0, d0, sum0);
            sum1 = Vector512.FusedMultiplyAdd(d1, d1, sum1);
            sum2 = Vector512.FusedMultiplyAdd(d2, d2, sum2);
            sum3 = Vector512.FusedMultiplyAdd(d3, d3, sum3);
        }

        if (i + 2 <= blocks)
        {
            var d0 = Vector512.Load(a) - Vector512.Load(b);
            var d1 = Vector512.Load(a + 16) - Vector512.Load(b + 16);
            sum0 = Vector512.FusedMultiplyAdd(d0, d0, sum0);
            sum1 = Vector512.FusedMultiplyAdd(d1, d1, sum1);
            i += 2;
            a += 32;
            b += 32;
        }

        if (i < blocks)
        {
            var d = Vector512.Load(a) - Vector512.Load(b);
            sum2 = Vector512.FusedMultiplyAdd(d, d, sum2);
        }

        return Vector512.Sum((sum0 + sum1) + (sum2 + sum3));
    }

    private static float Dot256(float* a, float* b, int blocks, int masked)
    {
        var count = (blocks * 2) - 1; // the last vector stands apart
        var sum0 = Vector256<float>.Zero;
        var sum1 = Vector256<float>.Zero;
        var sum2 = Vector256<float>.Zero;
        var sum3 = Vector256<float>.Zero;
        var i = 0;
        for (; i + 4 <= count; i += 4, a += 32, b += 32)
        {
            sum0 = Vector256.FusedMultiplyAdd(Vector256.Load(a), Vector256.Load(b), sum0);
            sum1 = Vector256.FusedMultiplyAdd(Vector256.Load(a + 8), Vector256.Load(b + 8), sum1);
            sum2 = Vector256.FusedMultiplyAdd(Vector256.Load(a + 16), Vector256.Load(b + 16), sum2);
            sum3 = Vector256.FusedMultiplyAdd(Vector256.Load(a + 24), Vector256.Load(b + 24), sum3);
        }

        for (; i < count; i++, a += 8, b += 8)
        {
            sum1 = Vector256.FusedMultiplyAdd(Vector256.Load(a), Vector256.Load(b), sum1);
        }

        var keep = Vector256.LessThan(Vector256<int>.Indices, Vector256.Create(8 - masked)).AsSingle();
        sum0 = Vector256.FusedMultiplyAdd(Vector256.Load(a) & keep, Vector256.Load(b) & keep, sum0);
        return Vector256.Sum((sum0 + sum1) + (sum2 + sum3));
    }

    private static float SquaredDifference256(float* a, float* b, int count)
    {
        var sum0 = Vector256<float>.Zero;
        var sum1 = Vector256<float>.Zero;
        for (var i = 0; i < count; i += 2, a += 16, b += 16)
        {
            var d0 = Vector256.Load(a) - Vector256.Load(b);
            var d1 = Vector256.Load(a + 8) - Vector256.Load(b + 8);
            sum0 = Vector256.FusedMultiplyAdd(d0, d0, sum0);
            sum1 = Vector256.FusedMultiplyAdd(d1, d1, sum1);
        }

        return Vector256.Sum(sum0 + sum1);
    }

    private static float Dot128(float* a, float* b, int blocks, int masked)
    {
        var count = (blocks * 4) - 1;
        var sum0 = Vector128<float>.Zero;
        var sum1 = Vector128<float>.Zero;
        var i = 0;
        for (; i + 2 <= count; i += 2, a += 8, b += 8)
        {
            sum0 = Vector128.FusedMultiplyAdd(Vector128.Load(a), Vector128.Load(b), sum0);
            sum1 = Vector128.FusedMultiplyAdd(Vector128.Load(a + 4), Vector128.Load(b + 4), sum1);
        }

        for (; i < count; i++, a += 4, b += 4)
        {
            sum1 = Vector128.FusedMultiplyAdd(Vector128.Load(a), Vector128.Load(b), sum1);
        }

        var keep = Vector128.LessThan(Vector128<int>.Indices, Vector128.Create(4 - masked)).AsSingle();
        sum0 = Vector128.FusedMultiplyAdd(Vector128.Load(a) & keep, Vector128.Load(b) & keep, sum0);
        return Vector128.Sum(sum0 + sum1);
    }

    private static float SquaredDifference128(float* a, float* b, int count)
    {
        var sum0 = Vector128<float>.Zero;
        var sum1 = Vector128<float>.Zero;
        for (var i = 0; i < count; i += 2, a += 8, b += 8)
        {
            var d0 = Vector128.Load(a) - Vector128.Load(b);
            var d1 = Vector128.Load(a + 4) - Vector128.Load(b + 4);
            sum0 = Vector128.FusedMultiplyAdd(d0, d0, sum0);
            sum1 = Vector128.FusedMultiplyAdd(d1, d1, sum1);
        }

        return Vector128.Sum(sum0 + sum1);
    }
}
