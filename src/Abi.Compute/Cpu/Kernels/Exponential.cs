using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Abi.Compute.Cpu.Kernels;

/// <summary>
/// eˣ within 2 units in the last place: <c>x = n ln 2 + r</c>, a Taylor polynomial of degree 7 in r, and a product with 2ⁿ that is rounded once (in two halves where there is no instruction
/// for it), so that results below the normal range and infinity come out right. Not a number stays so.
/// </summary>
internal static unsafe class Exponential
{
    private const float Low = -110; // everything below rounds to zero
    private const float High = 89; // everything above is infinite
    private const float PerLn2 = 1.44269504f;
    private const float Ln2High = 0.693359375f; // 9 bits: n × this is exact
    private const float Ln2Low = -2.12194440e-4f;
    private const float RoundingShift = 12582912; // 1.5 × 2²³: adding it leaves the nearest integer in the low bits

    /// <summary>The plain form: the same bits as one lane of <see cref="Exp(Vector512{float})"/>.</summary>
    public static float Exp(float x)
    {
        x = x < Low ? Low : x;
        x = x > High ? High : x;
        var shifted = MathF.FusedMultiplyAdd(x, PerLn2, RoundingShift);
        var n = shifted - RoundingShift;
        var r = MathF.FusedMultiplyAdd(n, -Ln2High, x);
        r = MathF.FusedMultiplyAdd(n, -Ln2Low, r);
        var p = 1f / 5040;
        p = MathF.FusedMultiplyAdd(p, r, 1f / 720);
        p = MathF.FusedMultiplyAdd(p, r, 1f / 120);
        p = MathF.FusedMultiplyAdd(p, r, 1f / 24);
        p = MathF.FusedMultiplyAdd(p, r, 1f / 6);
        p = MathF.FusedMultiplyAdd(p, r, 0.5f);
        p = MathF.FusedMultiplyAdd(p, r, 1);
        p = MathF.FusedMultiplyAdd(p, r, 1);
        var power = BitConverter.SingleToInt32Bits(shifted) - BitConverter.SingleToInt32Bits(RoundingShift);
        var half = power >> 1;
        return p * BitConverter.Int32BitsToSingle((half + 127) << 23) * BitConverter.Int32BitsToSingle((power - half + 127) << 23);
    }

    /// <summary>eˣ of each lane.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Exp(Vector512<float> x)
    {
        if (Vector256.IsHardwareAccelerated)
        {
            return Within(x);
        }

        // where sixteen lanes are four registers, a kernel with this in it is more than the JIT inlines, and every operation that is left over would be a call: better one
        delegate*<Vector512<float>, Vector512<float>> apart = &Within;
        return apart(x);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining | MethodImplOptions.AggressiveOptimization)]
    private static Vector512<float> Within(Vector512<float> x)
    {
        // in this order, what is not a number stays so on every instruction set
        x = Vector512.MaxNative(Vector512.Create(Low), x);
        x = Vector512.MinNative(Vector512.Create(High), x);
        var shifted = Lanes.Fma(x, Vector512.Create(PerLn2), Vector512.Create(RoundingShift));
        var n = shifted - Vector512.Create(RoundingShift);
        var r = Lanes.Fma(n, Vector512.Create(-Ln2High), x);
        r = Lanes.Fma(n, Vector512.Create(-Ln2Low), r);
        var p = Vector512.Create(1f / 5040);
        p = Lanes.Fma(p, r, Vector512.Create(1f / 720));
        p = Lanes.Fma(p, r, Vector512.Create(1f / 120));
        p = Lanes.Fma(p, r, Vector512.Create(1f / 24));
        p = Lanes.Fma(p, r, Vector512.Create(1f / 6));
        p = Lanes.Fma(p, r, Vector512.Create(0.5f));
        p = Lanes.Fma(p, r, Vector512<float>.One);
        p = Lanes.Fma(p, r, Vector512<float>.One);
        if (Avx512F.IsSupported)
        {
            return Avx512F.Scale(p, n);
        }

        var power = shifted.AsInt32() - Vector512.Create(RoundingShift).AsInt32();
        var half = power >> 1;
        var bias = Vector512.Create(127);
        return p * ((half + bias) << 23).AsSingle() * ((power - half + bias) << 23).AsSingle();
    }
}
