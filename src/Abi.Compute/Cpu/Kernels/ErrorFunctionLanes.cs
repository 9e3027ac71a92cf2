using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Abi.Compute.Cpu.Kernels;

/// <summary>The error function, within 2.5e-7 of the exact value: <c>erfc x = t e^(−x²) P(t)</c> with <c>t = 1 / (1 + x/2)</c> and P fitted at Chebyshev nodes around t = ½.</summary>
internal static unsafe class ErrorFunctionLanes
{
    /// <summary>erf of each lane.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Erf(Vector512<float> x)
    {
        if (Vector256.IsHardwareAccelerated)
        {
            return Within(x);
        }

        delegate*<Vector512<float>, Vector512<float>> apart = &Within; // as in Exponential
        return apart(x);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining | MethodImplOptions.AggressiveOptimization)]
    private static Vector512<float> Within(Vector512<float> x)
    {
        var magnitude = Vector512.Abs(x);
        var t = Vector512<float>.One / Lanes.Fma(magnitude, Vector512.Create(0.5f), Vector512<float>.One);
        var u = t - Vector512.Create(0.5f);
        var p = Vector512.Create(-0.0027185059152543545f);
        p = Lanes.Fma(p, u, Vector512.Create(0.04317306727170944f));
        p = Lanes.Fma(p, u, Vector512.Create(-0.016871187835931778f));
        p = Lanes.Fma(p, u, Vector512.Create(-0.0766419768333435f));
        p = Lanes.Fma(p, u, Vector512.Create(0.05465858057141304f));
        p = Lanes.Fma(p, u, Vector512.Create(0.09786605834960938f));
        p = Lanes.Fma(p, u, Vector512.Create(-0.10373935848474503f));
        p = Lanes.Fma(p, u, Vector512.Create(-0.17202602326869965f));
        p = Lanes.Fma(p, u, Vector512.Create(0.1457710713148117f));
        p = Lanes.Fma(p, u, Vector512.Create(0.5589429140090942f));
        p = Lanes.Fma(p, u, Vector512.Create(0.6871606707572937f));
        p = Lanes.Fma(p, u, Vector512.Create(0.5107913613319397f));
        var erf = Vector512<float>.One - (t * p * Exponential.Exp(-(x * x)));
        return (erf.AsInt32() | (x.AsInt32() & Vector512.Create(int.MinValue))).AsSingle();
    }
}
