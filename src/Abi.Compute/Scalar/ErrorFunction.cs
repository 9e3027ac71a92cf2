namespace Abi.Compute.Scalar;

/// <summary>The error function, which .NET lacks.</summary>
internal static class ErrorFunction
{
    /// <summary>erf(x), to float precision: a series below 2.5, a continued fraction for the complement above.</summary>
    public static float Erf(float x)
    {
        var magnitude = Math.Abs((double)x);
        var value = magnitude < 2.5 ? Series(magnitude) : magnitude < 6 ? 1 - Complement(magnitude) : double.IsNaN(magnitude) ? double.NaN : 1;
        return (float)(x < 0 ? -value : value);
    }

    /// <summary>Maclaurin: 2/√π Σ (−1)ⁿ x²ⁿ⁺¹ / (n! (2n + 1)).</summary>
    private static double Series(double x)
    {
        var (term, sum) = (x, x);
        for (var n = 1; Math.Abs(term) > 1e-17 * Math.Abs(sum) && n < 100; n++)
        {
            term *= -x * x / n;
            sum += term / ((2 * n) + 1);
        }

        return 2 / Math.Sqrt(Math.PI) * sum;
    }

    /// <summary>erfc(x) by Laplace's continued fraction.</summary>
    private static double Complement(double x)
    {
        var fraction = 0.0;
        for (var n = 60; n > 0; n--)
        {
            fraction = n / 2.0 / (x + fraction);
        }

        return Math.Exp(-x * x) / Math.Sqrt(Math.PI) / (x + fraction);
    }
}
