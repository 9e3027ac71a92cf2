using System.Globalization;
using System.Numerics;

namespace Abi.Llm.Chat.Jinja;

/// <summary>Python's arithmetic on integers and floats. An integer is a <see cref="long"/>, or a <see cref="BigInteger"/> where it does not fit into one.</summary>
internal static class JinjaNumbers
{
    /// <summary>The most bits of an integer; Python has no such limit, but prints at most 4,300 digits (14,285 bits).</summary>
    private const int MostBits = 1 << 16;
    private const int MostDigits = 4300;

    public static bool IsNumber(object? value) => value is long or double or bool or BigInteger;

    public static bool IsInteger(object? value) => value is long or bool or BigInteger;

    public static double ToDouble(object? value) => value switch
    {
        double d => d,
        long l => l,
        bool b => b ? 1 : 0,
        BigInteger big => Nearest(big) is var number && double.IsFinite(number) ? number : throw JinjaError.Overflow("int too large to convert to float"),
        JinjaUndefined undefined => throw undefined.Error(),
        _ => throw JinjaError.Type($"must be real number, not {JinjaOperators.TypeName(value)}"),
    };

    /// <summary>An integer where Python takes an index; one beyond 64 bits counts as the largest.</summary>
    public static long ToInteger(object? value, string function) => value switch
    {
        long number => number,
        bool flag => flag ? 1 : 0,
        BigInteger big => big.Sign < 0 ? long.MinValue : long.MaxValue,
        JinjaUndefined undefined => throw undefined.Error(),
        _ => throw JinjaError.Type($"{function}: '{JinjaOperators.TypeName(value)}' object cannot be interpreted as an integer"),
    };

    public static BigInteger ToBig(object? value) => value switch
    {
        long number => number,
        bool flag => flag ? 1 : 0,
        BigInteger big => big,
        _ => throw JinjaError.Type($"'{JinjaOperators.TypeName(value)}' object cannot be interpreted as an integer"),
    };

    public static object Normalize(BigInteger value)
    {
        if (value >= long.MinValue && value <= long.MaxValue)
        {
            return (long)value;
        }

        return value.GetBitLength() <= MostBits ? value : throw new JinjaException(JinjaErrorKind.Limit, $"The chat template makes an integer of more than {MostBits} bits.");
    }

    /// <summary>The integer part of a float, as <c>int(x)</c>.</summary>
    public static object Truncate(double value) => double.IsFinite(value)
        ? Normalize(new BigInteger(value))
        : throw (double.IsNaN(value) ? JinjaError.Value("cannot convert float NaN to integer") : JinjaError.Overflow("cannot convert float infinity to integer"));

    public static string Text(object? integer) => integer switch
    {
        long number => number.ToString(CultureInfo.InvariantCulture),
        bool flag => flag ? "1" : "0",
        BigInteger big when BigInteger.Abs(big) < BigInteger.Pow(10, MostDigits) => big.ToString(CultureInfo.InvariantCulture),
        _ => throw JinjaError.Value($"Exceeds the limit ({MostDigits} digits) for integer string conversion"),
    };

    /// <summary>A whole number as <c>int(text, base)</c> reads it: white space around, a sign, a prefix of the base, single underscores between digits.</summary>
    public static object? ParseInteger(string text, int numberBase)
    {
        text = JinjaUnicode.Trim(text);
        var negative = text.StartsWith('-');
        text = negative || text.StartsWith('+') ? text[1..] : text;
        if (text.Length > 1 && text[0] == '0' && char.ToLowerInvariant(text[1]) is var mark && (mark, numberBase) is ('x', 16 or 0) or ('o', 8 or 0) or ('b', 2 or 0))
        {
            numberBase = mark == 'x' ? 16 : mark == 'o' ? 8 : 2;
            text = text[(text.Length > 2 && text[2] == '_' ? 3 : 2)..];
        }
        else if (numberBase == 0)
        {
            numberBase = 10;
            if (text.StartsWith('0') && text.Trim('0', '_').Length > 0)
            {
                return null;
            }
        }

        if (text.Length is 0 or > 2 * MostDigits || text[0] == '_' || text[^1] == '_' || text.Contains("__", StringComparison.Ordinal) || numberBase is < 2 or > 36)
        {
            return null;
        }

        BigInteger value = 0;
        foreach (var c in text.Where(c => c != '_'))
        {
            var digit = char.IsAsciiLetter(c) ? char.ToLowerInvariant(c) - 'a' + 10 : CharUnicodeInfo.GetDecimalDigitValue(c);
            if (digit < 0 || digit >= numberBase)
            {
                return null;
            }

            value = (value * numberBase) + digit;
        }

        return Normalize(negative ? -value : value);
    }

    /// <summary>A number as <c>float(text)</c> reads it.</summary>
    public static double? ParseFloat(string text)
    {
        text = JinjaUnicode.Trim(text);
        var plain = text.ToLowerInvariant().TrimStart('+', '-');
        if (plain is "inf" or "infinity" or "nan" && text.Length - plain.Length <= 1)
        {
            return plain == "nan" ? double.NaN : text.StartsWith('-') ? double.NegativeInfinity : double.PositiveInfinity;
        }

        for (var i = text.IndexOf('_', StringComparison.Ordinal); i >= 0; i = text.IndexOf('_', i + 1))
        {
            if (i == 0 || i + 1 == text.Length || !char.IsAsciiDigit(text[i - 1]) || !char.IsAsciiDigit(text[i + 1]))
            {
                return null;
            }
        }

        const NumberStyles Style = NumberStyles.AllowLeadingSign | NumberStyles.AllowDecimalPoint | NumberStyles.AllowExponent;
        return double.TryParse(text.Replace("_", "", StringComparison.Ordinal), Style, CultureInfo.InvariantCulture, out var number) && text.AsSpan().ContainsAnyInRange('0', '9') ? number : null;
    }

    public static object Negate(object value) => value is double number ? -number : Normalize(-ToBig(value));

    public static object Calculate(string operation, object left, object right)
    {
        if (left is double || right is double)
        {
            return Calculate(operation, ToDouble(left), ToDouble(right));
        }

        if (operation == "/")
        {
            return Divide(left, right);
        }

        if (left is long a && right is long b)
        {
            switch (operation)
            {
                case "+" when (a ^ (a + b)) >= 0 || (a ^ b) < 0: return a + b;
                case "-" when (a ^ b) >= 0 || (a ^ (a - b)) >= 0: return a - b;
            }
        }

        return Calculate(operation, ToBig(left), ToBig(right));
    }

    /// <summary>Less than, equal or greater, exactly, also between integers and floats; null where a side is no number.</summary>
    public static int? Compare(object left, object right)
    {
        if (left is double a)
        {
            return right is double b
                ? double.IsNaN(a) || double.IsNaN(b) ? null : a.CompareTo(b)
                : CompareExactly(a, ToBig(right));
        }

        return right is double other ? -CompareExactly(other, ToBig(left))
            : left is long x && right is long y ? x.CompareTo(y) : ToBig(left).CompareTo(ToBig(right));
    }

    private static int? CompareExactly(double number, BigInteger integer)
    {
        if (double.IsNaN(number))
        {
            return null;
        }

        if (double.IsInfinity(number))
        {
            return number > 0 ? 1 : -1;
        }

        var whole = new BigInteger(Math.Truncate(number)).CompareTo(integer);
        return whole != 0 ? whole : number.CompareTo(Math.Truncate(number));
    }

    private static double Divide(object left, object right)
    {
        var (a, b) = (ToBig(left), ToBig(right));
        if (b.IsZero)
        {
            throw DivisionByZero("division by zero");
        }

        const long Exact = 1L << 53;
        if (BigInteger.Abs(a) <= Exact && BigInteger.Abs(b) <= Exact)
        {
            return (double)a / (double)b;
        }

        // Enough bits of the quotient, one that stands for all the others, and one rounding.
        var shift = (int)(66 - (a.GetBitLength() - b.GetBitLength()));
        var (quotient, remainder) = BigInteger.DivRem(shift > 0 ? BigInteger.Abs(a) << shift : BigInteger.Abs(a), shift < 0 ? BigInteger.Abs(b) << -shift : BigInteger.Abs(b));
        var result = Math.ScaleB(Nearest((quotient << 1) | (remainder.IsZero ? 0 : 1)), -shift - 1);
        return double.IsInfinity(result) ? throw JinjaError.Overflow("integer division result too large for a float") : a.Sign * b.Sign < 0 ? -result : result;
    }

    /// <summary>The nearest float of a large integer, ties to even (.NET's own conversion cuts off).</summary>
    private static double Nearest(BigInteger value)
    {
        var size = BigInteger.Abs(value);
        var shift = (int)Math.Max(size.GetBitLength() - 63, 0);
        var top = (ulong)(size >> shift);
        var isExact = (new BigInteger(top) << shift) == size;
        var number = Math.ScaleB((double)(isExact ? top : top | 1), shift);
        return value.Sign < 0 ? -number : number;
    }

    private static object Calculate(string operation, BigInteger a, BigInteger b)
    {
        switch (operation)
        {
            case "+": return Normalize(a + b);
            case "-": return Normalize(a - b);
            case "*": return Normalize(a * b);
            case "//" or "%":
                if (b.IsZero)
                {
                    throw DivisionByZero("integer division or modulo by zero");
                }

                var quotient = BigInteger.DivRem(a, b, out var remainder);
                var rounds = !remainder.IsZero && remainder.Sign != b.Sign;
                return Normalize(operation == "//" ? rounds ? quotient - 1 : quotient : rounds ? remainder + b : remainder);
            default:
                if (b.Sign < 0)
                {
                    return a.IsZero ? throw DivisionByZero("0.0 cannot be raised to a negative power") : Math.Pow(ToDouble(Normalize(a)), ToDouble(Normalize(b)));
                }

                if (!a.IsZero && !a.IsOne && a != BigInteger.MinusOne && b * (a.GetBitLength() - 1) > MostBits)
                {
                    throw new JinjaException(JinjaErrorKind.Limit, $"The chat template makes an integer of more than {MostBits} bits.");
                }

                return Normalize(BigInteger.Pow(a, BigInteger.Abs(a) > 1 ? (int)b : b.IsZero ? 0 : b.IsEven ? 2 : 1));
        }
    }

    private static double Calculate(string operation, double a, double b)
    {
        if (b == 0 && (operation is "/" or "//" or "%"))
        {
            throw DivisionByZero(operation == "/" ? "float division by zero" : "float floor division by zero");
        }

        switch (operation)
        {
            case "+": return a + b;
            case "-": return a - b;
            case "*": return a * b;
            case "/": return a / b;
            case "%": return Modulo(a, b);
            case "//":
                var remainder = a % b;
                var whole = ((a - remainder) / b) - (remainder != 0 && remainder < 0 != b < 0 ? 1 : 0);
                var floor = Math.Floor(whole);
                return whole == 0 ? Math.CopySign(0, a / b) : whole - floor > 0.5 ? floor + 1 : floor;
            default:
                if (a == 0 && b < 0)
                {
                    throw DivisionByZero("0.0 cannot be raised to a negative power");
                }

                if (a < 0 && double.IsFinite(a) && double.IsFinite(b) && b != Math.Floor(b))
                {
                    throw JinjaError.Type("a power with a complex result is not supported");
                }

                var power = Math.Pow(a, b);
                return double.IsInfinity(power) && double.IsFinite(a) && double.IsFinite(b) ? throw JinjaError.Overflow("(34, 'Numerical result out of range')") : power;
        }
    }

    private static double Modulo(double a, double b)
    {
        var remainder = a % b;
        return remainder == 0 ? Math.CopySign(0, b) : remainder < 0 != b < 0 ? remainder + b : remainder;
    }

    private static JinjaException DivisionByZero(string message) => JinjaError.Other("ZeroDivisionError: " + message);
}
