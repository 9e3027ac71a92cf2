using System.Numerics;

namespace Abi.Llm.Chat.Jinja;

/// <summary>The filters that make or change numbers.</summary>
internal static partial class JinjaFilters
{
    private static readonly string[] SizeUnits = ["k", "M", "G", "T", "P", "E", "Z", "Y"];

    private static object Absolute(object? value) => value switch
    {
        double number => Math.Abs(number),
        _ when JinjaNumbers.IsInteger(value) => JinjaNumbers.Normalize(BigInteger.Abs(JinjaNumbers.ToBig(value))),
        _ => throw JinjaError.Type($"bad operand type for abs(): '{JinjaOperators.TypeName(value)}'"),
    };

    private static object? ToFloat(object? value, JinjaArguments arguments) => JinjaMarkup.Unwrap(value) switch
    {
        string text => JinjaNumbers.ParseFloat(text) ?? arguments.GetMarked(0, 0.0),
        JinjaUndefined undefined => throw undefined.Error(),
        var number => JinjaNumbers.IsNumber(number) ? JinjaNumbers.ToDouble(number) : arguments.GetMarked(0, 0.0),
    };

    private static object? ToInteger(object? value, JinjaArguments arguments)
    {
        value = JinjaMarkup.Unwrap(value);
        switch (value)
        {
            case JinjaUndefined undefined: throw undefined.Error();
            case double number when double.IsNaN(number): return arguments.GetMarked(0, 0L);
            case double number: return JinjaNumbers.Truncate(number);
            case string text:
                var numberBase = arguments.Get(1, 10L);
                if (JinjaNumbers.IsInteger(numberBase) && JinjaNumbers.ParseInteger(text, (int)Math.Clamp(JinjaNumbers.ToInteger(numberBase, "int"), 1, 99)) is { } integer)
                {
                    return integer;
                }

                return JinjaNumbers.ParseFloat(text) is { } real && double.IsFinite(real) ? JinjaNumbers.Truncate(real) : arguments.GetMarked(0, 0L);
            default: return JinjaNumbers.IsInteger(value) ? JinjaNumbers.Normalize(JinjaNumbers.ToBig(value)) : arguments.GetMarked(0, 0L);
        }
    }

    private static object? Round(object? value, JinjaArguments arguments)
    {
        var (precision, method) = (arguments.Get(0, 0L), arguments.Get(1, "common"));
        if (method is not ("common" or "ceil" or "floor"))
        {
            throw JinjaError.Other("FilterArgumentError: method must be common, ceil or floor");
        }

        if (method is "common")
        {
            return RoundToEven(value, precision);
        }

        var factor = JinjaNumbers.Calculate("**", 10L, JinjaNumbers.IsNumber(precision) ? precision! : JinjaNumbers.ToDouble(precision));
        var scaled = JinjaOperators.Calculate("*", value, factor, arguments.Runtime);
        scaled = scaled is double number ? JinjaNumbers.Truncate(method is "ceil" ? Math.Ceiling(number) : Math.Floor(number)) : scaled;
        return JinjaNumbers.IsNumber(scaled) ? JinjaNumbers.Calculate("/", scaled!, factor) : throw JinjaError.Type($"must be real number, not {JinjaOperators.TypeName(scaled)}");
    }

    private static object RoundToEven(object? value, object? precision)
    {
        if (!JinjaNumbers.IsNumber(value))
        {
            throw JinjaError.Type($"type {JinjaOperators.TypeName(value)} doesn't define __round__ method");
        }

        if (value is double number)
        {
            return precision is null ? JinjaNumbers.Truncate(Math.Round(number, MidpointRounding.ToEven)) : JinjaDecimal.Round(number, JinjaNumbers.ToInteger(precision, "round"));
        }

        var digits = precision is null ? 0 : JinjaNumbers.ToInteger(precision, "round");
        var integer = JinjaNumbers.ToBig(value);
        if (digits >= 0 || integer.IsZero)
        {
            return JinjaNumbers.Normalize(integer);
        }

        if (-digits > 10_000)
        {
            return 0L;
        }

        var unit = BigInteger.Pow(10, (int)-digits);
        var quotient = BigInteger.DivRem(BigInteger.Abs(integer), unit, out var remainder);
        var half = (remainder * 2).CompareTo(unit);
        quotient += half > 0 || (half == 0 && !quotient.IsEven) ? 1 : 0;
        return JinjaNumbers.Normalize(quotient * unit * integer.Sign);
    }

    private static string FileSize(object? value, bool isBinary)
    {
        value = JinjaMarkup.Unwrap(value);
        var bytes = value is string text
            ? JinjaNumbers.ParseFloat(text) ?? throw JinjaError.Value($"could not convert string to float: {JinjaText.Represent(text)}")
            : JinjaNumbers.ToDouble(value);
        double scale = isBinary ? 1024 : 1000;
        if (bytes == 1)
        {
            return "1 Byte";
        }

        if (bytes < scale)
        {
            return $"{JinjaNumbers.Text(JinjaNumbers.Truncate(bytes))} Bytes";
        }

        var unit = 0;
        var power = scale * scale;
        for (; unit < SizeUnits.Length - 1 && !(bytes < power); unit++)
        {
            power *= scale;
        }

        var prefix = isBinary ? SizeUnits[unit].ToUpperInvariant() + "i" : SizeUnits[unit];
        return $"{JinjaNumberFormat.Float(scale * bytes / power, 'f', 1, keepsZeros: false)} {prefix}B";
    }
}
