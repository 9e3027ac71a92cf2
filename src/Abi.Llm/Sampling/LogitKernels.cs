using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Abi.Llm.Sampling;

/// <summary>Passes over a whole vocabulary of logits. Sixteen lanes on every machine, so sums have one order everywhere. NaN counts as minus infinity.</summary>
internal static class LogitKernels
{
    /// <summary>Under this length sums run one by one, in the order of the candidates, as the reference does.</summary>
    public const int SequentialLength = 1024;

    /// <summary>The greatest element; minus infinity when there is none.</summary>
    public static float Max(ReadOnlySpan<float> values)
    {
        ref var first = ref MemoryMarshal.GetReference(values);
        var i = 0;
        var best = float.NegativeInfinity;
        if (values.Length >= 32)
        {
            var a = Vector256.Create(float.NegativeInfinity);
            var (b, c, d) = (a, a, a);
            for (; i <= values.Length - 32; i += 32)
            {
                a = Greater(Vector256.LoadUnsafe(ref first, (nuint)i), a);
                b = Greater(Vector256.LoadUnsafe(ref first, (nuint)i + 8), b);
                c = Greater(Vector256.LoadUnsafe(ref first, (nuint)i + 16), c);
                d = Greater(Vector256.LoadUnsafe(ref first, (nuint)i + 24), d);
            }

            best = GreatestLane(Greater(Greater(a, b), Greater(c, d)));
        }

        for (; i < values.Length; i++)
        {
            best = values[i] > best ? values[i] : best;
        }

        return best;
    }

    /// <summary>The index of the first greatest element; -1 when all are NaN or minus infinity.</summary>
    public static int IndexOfMax(ReadOnlySpan<float> values)
    {
        var best = Max(values);
        return float.IsNegativeInfinity(best) ? -1 : values.IndexOf(best);
    }

    /// <summary>Σ exp(x − max): one by one when short, else in sixteen lanes.</summary>
    public static double SumExp(ReadOnlySpan<float> values, float max)
    {
        if (values.Length <= SequentialLength)
        {
            var sequential = 0f;
            foreach (var value in values)
            {
                sequential += Exp(value - max);
            }

            return sequential;
        }

        ref var first = ref MemoryMarshal.GetReference(values);
        var shift = Vector512.Create(max);
        var sum = Vector512<float>.Zero;
        var i = 0;
        for (; i <= values.Length - 16; i += 16)
        {
            sum += Exp(Vector512.LoadUnsafe(ref first, (nuint)i) - shift);
        }

        double total = 0;
        for (var lane = 0; lane < 16; lane++)
        {
            total += sum[lane];
        }

        for (; i < values.Length; i++)
        {
            total += Exp(values[i] - max);
        }

        return total;
    }

    /// <summary>exp(x − max) of every element: both spans are [count].</summary>
    public static void Exp(ReadOnlySpan<float> values, float max, Span<float> results)
    {
        var i = 0;
        if (values.Length > SequentialLength)
        {
            ref var first = ref MemoryMarshal.GetReference(values);
            ref var result = ref MemoryMarshal.GetReference(results);
            var shift = Vector512.Create(max);
            for (; i <= values.Length - 16; i += 16)
            {
                Exp(Vector512.LoadUnsafe(ref first, (nuint)i) - shift).StoreUnsafe(ref result, (nuint)i);
            }
        }

        for (; i < values.Length; i++)
        {
            results[i] = Exp(values[i] - max);
        }
    }

    /// <summary>Divides every element.</summary>
    public static void Divide(Span<float> values, float divisor)
    {
        ref var first = ref MemoryMarshal.GetReference(values);
        var d = Vector512.Create(divisor);
        var i = 0;
        for (; i <= values.Length - 16; i += 16)
        {
            (Vector512.LoadUnsafe(ref first, (nuint)i) / d).StoreUnsafe(ref first, (nuint)i);
        }

        for (; i < values.Length; i++)
        {
            values[i] /= divisor;
        }
    }

    /// <summary>The log-sum-exp of all logits, for log-probabilities.</summary>
    public static float LogSumExp(ReadOnlySpan<float> values)
    {
        var max = Max(values);
        return float.IsNegativeInfinity(max) ? max : max + (float)Math.Log(SumExp(values, max));
    }

    private static float Exp(float x) => float.IsNaN(x) ? 0 : MathF.Exp(x);

    private static Vector512<float> Exp(Vector512<float> x)
    {
        var e = Vector512.Exp(x);
        return Vector512.ConditionalSelect(Vector512.Equals(e, e), e, Vector512<float>.Zero);
    }

    private static float GreatestLane(Vector256<float> values)
    {
        var four = Vector128.ConditionalSelect(Vector128.GreaterThan(values.GetLower(), values.GetUpper()), values.GetLower(), values.GetUpper());
        var (a, b) = (four[0] > four[1] ? four[0] : four[1], four[2] > four[3] ? four[2] : four[3]);
        return a > b ? a : b;
    }

    /// <summary>The greater of each pair; of a pair with a NaN the second, which is what the instruction does.</summary>
    private static Vector256<float> Greater(Vector256<float> a, Vector256<float> b) =>
        Avx.IsSupported ? Avx.Max(a, b) : Vector256.ConditionalSelect(Vector256.GreaterThan(a, b), a, b);
}
