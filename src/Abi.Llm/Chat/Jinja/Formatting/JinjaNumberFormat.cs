using System.Globalization;
using System.Numerics;
using System.Text;

namespace Abi.Llm.Chat.Jinja;

/// <summary>Numbers in the presentations that <c>%</c> and <c>str.format</c> share. All of them leave the sign out.</summary>
internal static class JinjaNumberFormat
{
    /// <summary>The most digits behind a point that are asked for; doubles have no more than 1,074.</summary>
    public const int MostPrecision = 2000;

    /// <summary>A float as <c>e</c>, <c>f</c> or <c>g</c> (or in capitals), with so many digits; <paramref name="keepsZeros"/> is the flag <c>#</c>.</summary>
    public static string Float(double value, char kind, int precision, bool keepsZeros)
    {
        var text = !double.IsFinite(value) ? double.IsNaN(value) ? "nan" : "inf" : char.ToLowerInvariant(kind) switch
        {
            'f' => JinjaDecimal.Fixed(value, precision) + (keepsZeros && precision == 0 ? "." : ""),
            'e' => Exponential(value, precision, keepsZeros),
            _ => General(value, Math.Max(precision, 1), keepsZeros),
        };
        return char.IsUpper(kind) ? text.ToUpperInvariant() : text;
    }

    /// <summary>A float as <c>str.format</c> writes it without a kind but with a precision: as <c>g</c>, and never without a point.</summary>
    public static string Plain(double value, int precision, bool keepsZeros)
    {
        if (!double.IsFinite(value))
        {
            return Float(value, 'g', precision, keepsZeros);
        }

        var (_, exponent) = JinjaDecimal.Significant(value, Math.Max(precision, 1) - 1);
        var text = exponent >= Math.Max(precision, 1) - 1 ? Trimmed(Exponential(value, Math.Max(precision, 1) - 1, keepsZeros), keepsZeros) : General(value, Math.Max(precision, 1), keepsZeros);
        return text.AsSpan().ContainsAny('.', 'e') ? text : text + ".0";
    }

    /// <summary>An integer in base 2, 8, 10 or 16, without a prefix.</summary>
    public static string Integer(BigInteger value, char kind)
    {
        value = BigInteger.Abs(value);
        return kind switch
        {
            'x' or 'X' => value.ToString(kind == 'x' ? "x" : "X", CultureInfo.InvariantCulture).TrimStart('0') is { Length: > 0 } digits ? digits : "0",
            'b' => value.ToString("b", CultureInfo.InvariantCulture).TrimStart('0') is { Length: > 0 } bits ? bits : "0",
            'o' => Octal(value),
            _ => JinjaNumbers.Text(value),
        };
    }

    /// <summary>Digits in groups before the point: threes by a comma, or (other bases) fours by an underscore.</summary>
    public static string Grouped(string text, char separator, int size, int width)
    {
        var end = text.IndexOfAny(['.', 'e', 'E', '%']);
        var (digits, rest) = end < 0 ? (text, "") : (text[..end], text[end..]);

        // Zeros of a zero-padded width are grouped too; no group begins with its separator.
        var count = Math.Max(digits.Length, (int)((long)(width - rest.Length) * size / (size + 1)));
        while (count + ((count - 1) / size) + rest.Length < width)
        {
            count++;
        }

        digits = digits.PadLeft(count, '0');
        var result = new StringBuilder();
        for (var i = 0; i < digits.Length; i++)
        {
            _ = i > 0 && (digits.Length - i) % size == 0 ? result.Append(separator) : result;
            result.Append(digits[i]);
        }

        return result.Append(rest).ToString();
    }

    private static string Exponential(double value, int precision, bool keepsZeros)
    {
        var (digits, exponent) = JinjaDecimal.Significant(value, precision);
        var text = JinjaDecimal.Scientific(digits, exponent);
        return keepsZeros && precision == 0 ? text.Insert(1, ".") : text;
    }

    private static string General(double value, int precision, bool keepsZeros)
    {
        var (_, exponent) = JinjaDecimal.Significant(value, precision - 1);
        var text = exponent < -4 || exponent >= precision
            ? Exponential(value, precision - 1, keepsZeros)
            : JinjaDecimal.Fixed(value, precision - 1 - exponent) + (keepsZeros && precision - 1 == exponent ? "." : "");
        return Trimmed(text, keepsZeros);
    }

    private static string Trimmed(string text, bool keepsZeros)
    {
        var end = text.IndexOf('e', StringComparison.Ordinal);
        var (mantissa, rest) = end < 0 ? (text, "") : (text[..end], text[end..]);
        return keepsZeros || !mantissa.Contains('.', StringComparison.Ordinal) ? text : mantissa.TrimEnd('0').TrimEnd('.') + rest;
    }

    private static string Octal(BigInteger value)
    {
        if (value.IsZero)
        {
            return "0";
        }

        var bits = value.ToString("b", CultureInfo.InvariantCulture).TrimStart('0');
        bits = bits.PadLeft((bits.Length + 2) / 3 * 3, '0');
        return string.Concat(bits.Chunk(3).Select(three => (char)('0' + ((three[0] - '0') << 2) + ((three[1] - '0') << 1) + (three[2] - '0'))));
    }
}
