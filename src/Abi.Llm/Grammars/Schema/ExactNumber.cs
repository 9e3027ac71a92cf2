using System.Globalization;
using System.Numerics;

namespace Abi.Llm.Grammars.Schema;

/// <summary>A JSON number exactly: <paramref name="Digits"/> / 10^<paramref name="Scale"/>.</summary>
internal readonly record struct ExactNumber(BigInteger Digits, int Scale) : IComparable<ExactNumber>
{
    private const int LargestExponent = 400;

    public static ExactNumber Parse(string text, string path)
    {
        var exponentAt = text.AsSpan().IndexOfAny('e', 'E');
        var exponent = 0;
        if (exponentAt >= 0 && (!int.TryParse(text.AsSpan(exponentAt + 1), NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out exponent) || exponent is < -LargestExponent or > LargestExponent))
        {
            throw new GrammarException($"The number {text} at {path} is out of the range that can be honoured.");
        }

        var mantissa = exponentAt >= 0 ? text[..exponentAt] : text;
        var point = mantissa.IndexOf('.', StringComparison.Ordinal);
        var scale = point < 0 ? 0 : mantissa.Length - point - 1;
        if (mantissa.Length > LargestExponent)
        {
            throw new GrammarException($"The number at {path} has more than {LargestExponent} digits.");
        }

        var digits = BigInteger.Parse(point < 0 ? mantissa : mantissa.Remove(point, 1), NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture);
        scale -= exponent;
        if (scale < 0)
        {
            (digits, scale) = (digits * BigInteger.Pow(10, -scale), 0);
        }

        while (scale > 0 && digits % 10 == 0)
        {
            (digits, scale) = (digits / 10, scale - 1);
        }

        return new ExactNumber(digits, scale);
    }

    public bool IsInteger => Scale == 0;

    public BigInteger Floor => BigInteger.DivRem(Digits, BigInteger.Pow(10, Scale), out var rest) - (rest < 0 ? 1 : 0);

    public BigInteger Ceiling => -(-this).Floor;

    public static ExactNumber operator -(ExactNumber value) => new(-value.Digits, value.Scale);

    public static bool operator <(ExactNumber a, ExactNumber b) => a.CompareTo(b) < 0;

    public static bool operator >(ExactNumber a, ExactNumber b) => a.CompareTo(b) > 0;

    public static bool operator <=(ExactNumber a, ExactNumber b) => a.CompareTo(b) <= 0;

    public static bool operator >=(ExactNumber a, ExactNumber b) => a.CompareTo(b) >= 0;

    /// <summary>The digits at a scale that is at least the number's own.</summary>
    public BigInteger At(int scale) => Digits * BigInteger.Pow(10, scale - Scale);

    public bool IsMultipleOf(ExactNumber step)
    {
        var scale = Math.Max(Scale, step.Scale);
        return At(scale) % step.At(scale) == 0;
    }

    public int CompareTo(ExactNumber other)
    {
        var scale = Math.Max(Scale, other.Scale);
        return At(scale).CompareTo(other.At(scale));
    }
}
