using System.Globalization;

namespace Abi.Compare;

/// <summary>One row of a benchmark: a prompt to read or tokens to generate, behind a context that is already there.</summary>
internal sealed record BenchTest(int Prompt, int Generate, int Depth)
{
    public bool IsDecode => Generate > 0;

    public static BenchTest Parse(string text)
    {
        var parts = text.Split('@');
        var count = int.Parse(parts[0].AsSpan(2), CultureInfo.InvariantCulture);
        var depth = parts.Length > 1 ? int.Parse(parts[1], CultureInfo.InvariantCulture) : 0;
        return parts[0][..2] switch
        {
            "pp" => new BenchTest(count, 0, depth),
            "tg" => new BenchTest(0, count, depth),
            _ => throw new FormatException($"'{text}' is not a test: ppN or tgN, with @DEPTH."),
        };
    }

    public override string ToString() => $"{(IsDecode ? "tg" : "pp")}{Math.Max(Prompt, Generate)}{(Depth > 0 ? $"@{Depth}" : "")}";
}
