using System.Globalization;
using System.Numerics;

namespace Abi.Llm.Chat.Jinja;

/// <summary>Floats as decimal digits: the shortest that read back the same, and any number of them rounded half to even from the exact value, as Python prints.</summary>
internal static class JinjaDecimal
{
    /// <summary>Python's <c>repr</c> of a float: <c>1.0</c>, <c>1e+16</c>, <c>1e-05</c>.</summary>
    public static string Shortest(double value)
    {
        if (!double.IsFinite(value))
        {
            return double.IsNaN(value) ? "nan" : value > 0 ? "inf" : "-inf";
        }

        // Digits and exponent of .NET's shortest text, laid out anew.
        var (digits, exponent) = ShortestDigits(Math.Abs(value));
        var text = exponent is >= -4 and < 16 ? Plain(digits, exponent) : Scientific(digits, exponent);
        return double.IsNegative(value) ? "-" + text : text;
    }

    /// <summary>So many digits behind the point; the value's sign is left out.</summary>
    public static string Fixed(double value, int precision)
    {
        var digits = Scaled(Math.Abs(value), precision).ToString(CultureInfo.InvariantCulture).PadLeft(precision + 1, '0');
        return precision == 0 ? digits : $"{digits[..^precision]}.{digits[^precision..]}";
    }

    /// <summary>One digit, a point, and so many more: the digits without the point, and the power of ten of the first. The value's sign is left out.</summary>
    public static (string Digits, int Exponent) Significant(double value, int precision)
    {
        value = Math.Abs(value);
        if (value == 0)
        {
            return (new string('0', precision + 1), 0);
        }

        var exponent = (int)Math.Floor(Math.Log10(value));
        while (true)
        {
            var digits = Scaled(value, precision - exponent).ToString(CultureInfo.InvariantCulture);
            if (digits.Length == precision + 1)
            {
                return (digits, exponent);
            }

            // The logarithm was off by one, or the digits rounded up to one more.
            exponent += digits.Length > precision + 1 ? 1 : -1;
        }
    }

    /// <summary>Digits with the exponent behind them: <c>1.5e+20</c>.</summary>
    public static string Scientific(string digits, int exponent, char mark = 'e') =>
        $"{digits[0]}{(digits.Length > 1 ? "." + digits[1..] : "")}{mark}{(exponent < 0 ? '-' : '+')}{Math.Abs(exponent):00}";

    /// <summary>The value rounded to a digit behind the point (or before it: negative), half to even.</summary>
    public static double Round(double value, long digit)
    {
        if (digit > 330 || !double.IsFinite(value))
        {
            return value;
        }

        if (digit < -310)
        {
            return Math.CopySign(0, value);
        }

        var scaled = Scaled(Math.Abs(value), (int)digit);
        var result = double.Parse($"{scaled}E{-digit}", CultureInfo.InvariantCulture);
        return double.IsInfinity(result) ? throw JinjaError.Overflow("rounded value too large to represent") : double.IsNegative(value) ? -result : result;
    }

    /// <summary>The value times a power of ten as the nearest whole number, half to even, exactly.</summary>
    private static BigInteger Scaled(double value, int power)
    {
        var bits = BitConverter.DoubleToInt64Bits(value);
        var exponent = (int)((bits >> 52) & 0x7ff);
        BigInteger numerator = (bits & ((1L << 52) - 1)) | (exponent == 0 ? 0 : 1L << 52);
        var shift = Math.Max(exponent, 1) - 1075;
        BigInteger denominator = 1;
        _ = shift >= 0 ? numerator <<= shift : denominator <<= -shift;
        _ = power >= 0 ? numerator *= BigInteger.Pow(10, power) : denominator *= BigInteger.Pow(10, -power);
        var quotient = BigInteger.DivRem(numerator, denominator, out var remainder);
        var half = (remainder << 1).CompareTo(denominator);
        return half > 0 || (half == 0 && !quotient.IsEven) ? quotient + 1 : quotient;
    }

    private static (string Digits, int Exponent) ShortestDigits(double value)
    {
        var text = value.ToString("R", CultureInfo.InvariantCulture);
        var at = text.IndexOf('E', StringComparison.Ordinal);
        var exponent = at < 0 ? 0 : int.Parse(text.AsSpan(at + 1), NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture);
        var mantissa = at < 0 ? text : text[..at];
        var point = mantissa.IndexOf('.', StringComparison.Ordinal);
        exponent += (point < 0 ? mantissa.Length : point) - 1;
        var digits = mantissa.Replace(".", "", StringComparison.Ordinal);
        var leading = digits.Length - digits.TrimStart('0').Length;
        digits = digits.Trim('0');
        return digits.Length == 0 ? ("0", 0) : (digits, exponent - leading);
    }

    private static string Plain(string digits, int exponent) => exponent switch
    {
        < 0 => "0." + new string('0', -exponent - 1) + digits,
        _ when digits.Length <= exponent + 1 => digits.PadRight(exponent + 1, '0') + ".0",
        _ => $"{digits[..(exponent + 1)]}.{digits[(exponent + 1)..]}",
    };
}
