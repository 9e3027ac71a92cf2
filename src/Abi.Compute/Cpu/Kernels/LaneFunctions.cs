using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

#pragma warning disable MA0048 // the functions of Activate, Gate and their like read best on one page

namespace Abi.Compute.Cpu.Kernels;

internal readonly struct AddLanes : ILaneFunction2
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public Vector512<float> Apply(Vector512<float> a, Vector512<float> b) => a + b;
}

internal readonly struct MultiplyLanes : ILaneFunction2
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public Vector512<float> Apply(Vector512<float> a, Vector512<float> b) => a * b;
}

internal readonly struct ScaleLanes(float factor, float offset) : ILaneFunction
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public Vector512<float> Apply(Vector512<float> x) => (x * Vector512.Create(factor)) + Vector512.Create(offset);
}

internal readonly struct DivideLanes(float divisor) : ILaneFunction
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public Vector512<float> Apply(Vector512<float> x) => x / Vector512.Create(divisor);
}

internal readonly struct ClampLanes(float low, float high) : ILaneFunction
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public Vector512<float> Apply(Vector512<float> x)
    {
        // bounds first: what is not a number stays so
        x = Lanes.Max(Vector512.Create(low), x);
        return Lanes.Min(Vector512.Create(high), x);
    }
}

internal readonly struct SoftCapLanes(float cap) : ILaneFunction
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public Vector512<float> Apply(Vector512<float> x) => Vector512.Create(cap) * HyperbolicTangent.Tanh(x / Vector512.Create(cap));
}

internal readonly struct SiluLanes : ILaneFunction
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public Vector512<float> Apply(Vector512<float> x) => x / (Vector512<float>.One + Exponential.Exp(-x));
}

/// <summary>½ (1 + tanh u) is 1 / (1 + e^(−2u)), which is as exact for negative u as for positive.</summary>
internal readonly struct GeluLanes : ILaneFunction
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public Vector512<float> Apply(Vector512<float> x)
    {
        var u = Vector512.Create(-2 * 0.79788456080286535587989211986876f) * x * Lanes.Fma(Vector512.Create(0.044715f) * x, x, Vector512<float>.One);
        return x / (Vector512<float>.One + Exponential.Exp(u));
    }
}

internal readonly struct GeluErfLanes : ILaneFunction
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public Vector512<float> Apply(Vector512<float> x) =>
        Vector512.Create(0.5f) * x * (Vector512<float>.One + ErrorFunctionLanes.Erf(x * Vector512.Create(0.70710678118654752440084436210484f)));
}

internal readonly struct GeluQuickLanes : ILaneFunction
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public Vector512<float> Apply(Vector512<float> x) => x / (Vector512<float>.One + Exponential.Exp(Vector512.Create(-1.702f) * x));
}

internal readonly struct ReluLanes : ILaneFunction
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public Vector512<float> Apply(Vector512<float> x) => Lanes.Max(Vector512<float>.Zero, x);
}

internal readonly struct ReluSquaredLanes : ILaneFunction
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public Vector512<float> Apply(Vector512<float> x)
    {
        x = Lanes.Max(Vector512<float>.Zero, x);
        return x * x;
    }
}

internal readonly struct SigmoidLanes : ILaneFunction
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public Vector512<float> Apply(Vector512<float> x) => Vector512<float>.One / (Vector512<float>.One + Exponential.Exp(-x));
}

internal readonly struct TanhLanes : ILaneFunction
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public Vector512<float> Apply(Vector512<float> x) => HyperbolicTangent.Tanh(x);
}

internal readonly struct ExpLanes : ILaneFunction
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public Vector512<float> Apply(Vector512<float> x) => Exponential.Exp(x);
}

internal readonly struct SoftplusLanes : ILaneFunction
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public Vector512<float> Apply(Vector512<float> x) =>
        Vector512.ConditionalSelect(Vector512.GreaterThan(x, Vector512.Create(20f)), x, Logarithm.Log1P(Exponential.Exp(Lanes.Min(Vector512.Create(20f), x))));
}

internal readonly struct NegateLanes : ILaneFunction
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public Vector512<float> Apply(Vector512<float> x) => -x;
}

internal readonly struct ExpNegExpLanes : ILaneFunction
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public Vector512<float> Apply(Vector512<float> x) => Exponential.Exp(-Exponential.Exp(x));
}

internal readonly struct XIeluLanes(float alphaN, float alphaP, float beta, float epsilon) : ILaneFunction
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public Vector512<float> Apply(Vector512<float> x)
    {
        var linear = Vector512.Create(beta) * x;
        var positive = (Vector512.Create(alphaP) * x * x) + linear;
        var negative = ((Exponential.Exp(Lanes.Min(Vector512.Create(epsilon), x)) - Vector512<float>.One - x) * Vector512.Create(alphaN)) + linear;
        return Vector512.ConditionalSelect(Vector512.GreaterThan(x, Vector512<float>.Zero), positive, negative);
    }
}

/// <summary><c>f(gate) × up</c>.</summary>
internal readonly struct GatedLanes<TFunction> : ILaneFunction2
    where TFunction : struct, ILaneFunction
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public Vector512<float> Apply(Vector512<float> a, Vector512<float> b) => default(TFunction).Apply(a) * b;
}

internal readonly struct SwiGluOaiLanes(float alpha, float limit) : ILaneFunction2
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public Vector512<float> Apply(Vector512<float> a, Vector512<float> b)
    {
        var g = Lanes.Min(Vector512.Create(limit), a);
        var u = Lanes.Min(Vector512.Create(limit), Lanes.Max(Vector512.Create(-limit), b));
        return g / (Vector512<float>.One + Exponential.Exp(Vector512.Create(-alpha) * g)) * (u + Vector512<float>.One);
    }
}
