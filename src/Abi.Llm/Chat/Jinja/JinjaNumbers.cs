namespace Abi.Llm.Chat.Jinja;

/// <summary>Python's arithmetic on integers (64 bits, overflow refused) and floats.</summary>
internal static class JinjaNumbers
{
    public static bool IsNumber(object? value) => value is long or double or bool;

    public static double ToDouble(object? value) => value switch { long l => l, bool b => b ? 1 : 0, double d => d, _ => throw new InvalidCastException() };

    public static long ToLong(object? value) => value is bool b ? b ? 1 : 0 : (long)value!;

    public static long ToInteger(object? value, string function) => value switch
    {
        long number => number,
        bool flag => flag ? 1 : 0,
        JinjaUndefined undefined => throw undefined.Error(),
        _ => throw new JinjaException(JinjaErrorKind.Runtime, $"TypeError: {function}() needs an integer, not {JinjaOperators.TypeName(value)}"),
    };

    public static object Calculate(string operation, object? left, object? right)
    {
        try
        {
            return left is double || right is double || operation == "/"
                ? (object)Calculate(operation, ToDouble(left), ToDouble(right))
                : Calculate(operation, ToLong(left), ToLong(right));
        }
        catch (OverflowException)
        {
            throw new JinjaException(JinjaErrorKind.Runtime, $"OverflowError: the result of '{operation}' does not fit into 64 bits");
        }
    }

    private static object Calculate(string operation, long a, long b)
    {
        switch (operation)
        {
            case "+": return checked(a + b);
            case "-": return checked(a - b);
            case "*": return checked(a * b);
            case "//" or "%":
                if (b == 0)
                {
                    throw DivisionByZero();
                }

                var (quotient, remainder) = (b == -1 ? checked(-a) : a / b, b == -1 ? 0 : a % b);
                var rounds = remainder != 0 && remainder < 0 != b < 0;
                return operation == "//" ? rounds ? quotient - 1 : quotient : rounds ? remainder + b : remainder;
            default:
                if (b < 0)
                {
                    return a == 0 ? throw DivisionByZero() : Math.Pow(a, b);
                }

                long result = 1;
                for (var factor = a; b > 0; b >>= 1)
                {
                    result = (b & 1) != 0 ? checked(result * factor) : result;
                    factor = b > 1 ? checked(factor * factor) : factor;
                }

                return result;
        }
    }

    private static double Calculate(string operation, double a, double b)
    {
        if (b == 0 && (operation is "/" or "//" or "%"))
        {
            throw DivisionByZero();
        }

        return operation switch
        {
            "+" => a + b,
            "-" => a - b,
            "*" => a * b,
            "/" => a / b,
            "//" => Math.Floor(a / b),
            "%" => a - (Math.Floor(a / b) * b),
            _ => Math.Pow(a, b),
        };
    }

    private static JinjaException DivisionByZero() => new(JinjaErrorKind.Runtime, "ZeroDivisionError: division by zero");
}
