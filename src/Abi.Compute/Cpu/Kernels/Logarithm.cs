using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Abi.Compute.Cpu.Kernels;

/// <summary>Natural logarithms of positive numbers, within 3 units in the last place.</summary>
internal static class Logarithm
{
    private const int SqrtHalfBits = 0x3F3504F3;
    private const float Ln2High = 0.693359375f;
    private const float Ln2Low = -2.12194440e-4f;

    /// <summary>ln x of each lane, x positive, normal and finite: <c>x = 2ⁿ m</c>, m from √½ to √2, and the series of 2 artanh((m − 1) / (m + 1)).</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Log(Vector512<float> x)
    {
        var bits = x.AsInt32();
        var exponent = (bits - Vector512.Create(SqrtHalfBits)) >> 23;
        var m = (bits - (exponent << 23)).AsSingle();
        var s = (m - Vector512<float>.One) / (m + Vector512<float>.One);
        var z = s * s;
        var p = Vector512.Create(2f / 9);
        p = Lanes.Fma(p, z, Vector512.Create(2f / 7));
        p = Lanes.Fma(p, z, Vector512.Create(2f / 5));
        p = Lanes.Fma(p, z, Vector512.Create(2f / 3));
        var n = Vector512.ConvertToSingle(exponent);
        var low = Lanes.Fma(n, Vector512.Create(Ln2Low), s * z * p);
        return Lanes.Fma(n, Vector512.Create(Ln2High), Lanes.Fma(s, Vector512.Create(2f), low));
    }

    /// <summary>ln(1 + x) of each lane, x not negative: the logarithm of the rounded 1 + x, corrected by what the rounding lost.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Log1P(Vector512<float> x)
    {
        var sum = x + Vector512<float>.One;
        var isOne = Vector512.Equals(sum, Vector512<float>.One);
        var corrected = Log(sum) * (x / Vector512.ConditionalSelect(isOne, Vector512<float>.One, sum - Vector512<float>.One));
        return Vector512.ConditionalSelect(isOne, x, corrected);
    }
}
