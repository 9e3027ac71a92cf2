using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Abi.Compute.Cpu.Kernels;

/// <summary>
/// Sixteen lanes of floats: the unit that every kernel here computes in, whatever the width of the machine's registers. The JIT splits an operation over narrower
/// registers where it must, and each lane's arithmetic is the same, so results are the same bits on every instruction set.
/// </summary>
internal static unsafe class Lanes
{
    /// <summary>The number of lanes.</summary>
    public const int Count = 16;

    /// <summary><paramref name="count"/> floats (fewer than 16), the other lanes zero; reads nothing beyond them.</summary>
    public static Vector512<float> LoadPart(float* from, int count)
    {
        var lanes = Vector512<float>.Zero;
        Unsafe.CopyBlockUnaligned(&lanes, from, (uint)(count * sizeof(float)));
        return lanes;
    }

    /// <summary>The first <paramref name="count"/> lanes (fewer than 16); writes nothing beyond them.</summary>
    public static void StorePart(Vector512<float> lanes, float* to, int count) => Unsafe.CopyBlockUnaligned(to, &lanes, (uint)(count * sizeof(float)));

    /// <summary>Up to 16 of <paramref name="left"/> floats; lanes beyond them are zero.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Load(float* from, int left) => left >= Count ? Vector512.Load(from) : LoadPart(from, left);

    /// <summary>Up to 16 of <paramref name="left"/> lanes.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(Vector512<float> lanes, float* to, int left)
    {
        if (left >= Count)
        {
            lanes.Store(to);
        }
        else
        {
            StorePart(lanes, to, left);
        }
    }

    /// <summary>The sum of all lanes, halves first: a fixed tree.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Sum(Vector512<float> lanes)
    {
        var half = lanes.GetLower() + lanes.GetUpper();
        var quarter = half.GetLower() + half.GetUpper();
        quarter += Vector128.Shuffle(quarter, Vector128.Create(2, 3, 0, 1));
        return quarter.ToScalar() + quarter.GetElement(1);
    }

    /// <summary>The greatest lane; of lanes that are no numbers, nothing is promised.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Max(Vector512<float> lanes)
    {
        var half = Vector256.MaxNative(lanes.GetLower(), lanes.GetUpper());
        var quarter = Vector128.MaxNative(half.GetLower(), half.GetUpper());
        quarter = Vector128.MaxNative(quarter, Vector128.Shuffle(quarter, Vector128.Create(2, 3, 0, 1)));
        return Vector128.MaxNative(quarter, Vector128.Shuffle(quarter, Vector128.Create(1, 0, 3, 2))).ToScalar();
    }

    /// <summary>The greater of each lane, the second one when they do not compare: one meaning on every instruction set.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Max(Vector512<float> a, Vector512<float> b) => Vector512.ConditionalSelect(Vector512.GreaterThan(a, b), a, b);

    /// <summary>The lesser of each lane, the second one when they do not compare.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Min(Vector512<float> a, Vector512<float> b) => Vector512.ConditionalSelect(Vector512.LessThan(a, b), a, b);

    /// <summary><c>a × b + c</c>, rounded once.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Fma(Vector512<float> a, Vector512<float> b, Vector512<float> c) => Vector512.FusedMultiplyAdd(a, b, c);
}
