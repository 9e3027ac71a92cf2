using System.Runtime.Intrinsics;
using Abi.Compute.Cpu.Kernels;
using Abi.Compute.Scalar;

namespace Abi.Compute.Tests.Cpu.Kernels;

/// <summary>The device's own exponentials and their like beside double precision.</summary>
[Parallelizable]
public sealed class LaneFunctionTests
{
    [Test]
    public void ExponentialsAreWithinTwoUnits()
    {
        Assert.That(WorstUnits(Exponential.Exp, Math.Exp, -87, 88.7f), Is.LessThanOrEqualTo(2));
        Assert.That(WorstUnits(Exponential.Exp, Math.Exp, -0.01f, 0.01f), Is.LessThanOrEqualTo(2));
        Assert.That(One(Exponential.Exp, float.NegativeInfinity), Is.Zero);
        Assert.That(One(Exponential.Exp, -104), Is.Zero);
        Assert.That(One(Exponential.Exp, -103), Is.GreaterThan(0), "below the normal range");
        Assert.That(One(Exponential.Exp, 89), Is.EqualTo(float.PositiveInfinity));
        Assert.That(One(Exponential.Exp, float.PositiveInfinity), Is.EqualTo(float.PositiveInfinity));
        Assert.That(One(Exponential.Exp, float.NaN), Is.NaN);
        Assert.That(One(Exponential.Exp, 0), Is.EqualTo(1));
    }

    [Test]
    public void ThePlainExponentialIsALanesBits()
    {
        var random = new Random(1);
        for (var i = 0; i < 200_000; i++)
        {
            var x = (random.NextSingle() - 0.5f) * 240;
            Assert.That(BitConverter.SingleToInt32Bits(Exponential.Exp(x)), Is.EqualTo(BitConverter.SingleToInt32Bits(One(Exponential.Exp, x))));
        }
    }

    [Test]
    public void TangentsAreWithinFourUnits()
    {
        Assert.That(WorstUnits(HyperbolicTangent.Tanh, Math.Tanh, -12, 12), Is.LessThanOrEqualTo(4));
        Assert.That(WorstUnits(HyperbolicTangent.Tanh, Math.Tanh, -0.7f, 0.7f), Is.LessThanOrEqualTo(4));
        Assert.That(One(HyperbolicTangent.Tanh, 1e-20f), Is.EqualTo(1e-20f));
        Assert.That(One(HyperbolicTangent.Tanh, float.NegativeInfinity), Is.EqualTo(-1));
        Assert.That(One(HyperbolicTangent.Tanh, float.NaN), Is.NaN);
    }

    [Test]
    public void LogarithmsAreWithinThreeUnits()
    {
        Assert.That(WorstUnits(Logarithm.Log, Math.Log, 1e-30f, 0.99f), Is.LessThanOrEqualTo(3));
        Assert.That(WorstUnits(Logarithm.Log, Math.Log, 1.01f, 1e30f), Is.LessThanOrEqualTo(3));
        Assert.That(WorstUnits(Logarithm.Log1P, x => x < 1e-4 ? x - (x * x / 2) + (x * x * x / 3) : Math.Log(1 + x), 1e-12f, 1e9f), Is.LessThanOrEqualTo(4));
        Assert.That(One(Logarithm.Log1P, 0), Is.Zero);
    }

    [Test]
    public void TheErrorFunctionIsWithinItsBound()
    {
        for (var x = -6f; x < 6; x += 1e-3f)
        {
            Assert.That(One(ErrorFunctionLanes.Erf, x), Is.EqualTo(ErrorFunction.Erf(x)).Within(2.5e-7));
        }

        Assert.That(One(ErrorFunctionLanes.Erf, float.PositiveInfinity), Is.EqualTo(1));
    }

    private static float One(Func<Vector512<float>, Vector512<float>> function, float x) => function(Vector512.Create(x))[3];

    /// <summary>The greatest distance from the exact value, in units of the last place.</summary>
    private static double WorstUnits(Func<Vector512<float>, Vector512<float>> function, Func<double, double> exact, float low, float high)
    {
        var worst = 0.0;
        const int Steps = 200_000;
        for (var i = 0; i <= Steps; i++)
        {
            var x = low > 0 ? (float)(low * Math.Pow(high / (double)low, i / (double)Steps)) : low + ((high - low) * i / Steps);
            var expected = exact(x);
            var unit = Math.Max(MathF.BitIncrement((float)Math.Abs(expected)) - (float)Math.Abs(expected), float.Epsilon);
            worst = Math.Max(worst, Math.Abs(One(function, x) - expected) / unit);
        }

        return worst;
    }
}
