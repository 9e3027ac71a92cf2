using System.Collections.Immutable;
using System.Globalization;

namespace Abi.Cli.CommandLine;

/// <summary>Makes the rows of option tables.</summary>
internal static class Options
{
    private const NumberStyles FloatStyle = NumberStyles.Float;

    /// <summary>A switch: absent or present.</summary>
    public static Option<bool> Switch(string names, string help) => new(Split(names), null, help, @default: false, _ => true);

    /// <summary>A whole number with a default.</summary>
    public static Option<int> Integer(string names, string help, int @default, int minimum = int.MinValue) =>
        new(Split(names), "N", help, @default, text => ReadInteger(text, minimum)) { DefaultText = @default.ToString(CultureInfo.InvariantCulture) };

    /// <summary>A whole number that may be absent.</summary>
    public static Option<int?> OptionalInteger(string names, string help, string? absent = null, int minimum = int.MinValue, int maximum = int.MaxValue) =>
        new(Split(names), "N", help, null, text => ReadInteger(text, minimum, maximum)) { DefaultText = absent };

    /// <summary>A list of whole numbers, separated by commas.</summary>
    public static Option<ImmutableArray<int>> Integers(string names, string valueName, string help, ImmutableArray<int> @default, int minimum = int.MinValue, string? defaultText = null, int maximum = int.MaxValue) =>
        new(Split(names), valueName, help, @default, text => ReadIntegers(text, minimum, maximum))
        {
            DefaultText = defaultText ?? (@default.IsDefaultOrEmpty ? null : string.Join(",", @default.Select(n => n.ToString(CultureInfo.InvariantCulture)))),
        };

    /// <summary>Token ids.</summary>
    public static Option<int[]?> Ids(string names, string help) => new(Split(names), "IDS", help, null, ReadIds);

    /// <summary>A number with a default.</summary>
    public static Option<float> Number(string names, string help, float @default) =>
        new(Split(names), "N", help, @default, ReadNumber) { DefaultText = @default.ToString(CultureInfo.InvariantCulture) };

    /// <summary>A text that may be absent.</summary>
    public static Option<string?> Text(string names, string valueName, string help, string? absent = null) =>
        new(Split(names), valueName, help, null, text => text) { DefaultText = absent };

    /// <summary>A text that may be given several times.</summary>
    public static Option<string> Texts(string names, string valueName, string help, string? absent = null) =>
        new(Split(names), valueName, help, string.Empty, text => text) { IsRepeatable = true, DefaultText = absent };

    /// <summary>A file that may be absent.</summary>
    public static Option<string?> File(string names, string help, string valueName = "FILE") => new(Split(names), valueName, help, null, text => text) { TakesFile = true };

    /// <summary>One of a few words.</summary>
    public static Option<string> Choice(string names, string valueName, string help, string @default, params ImmutableArray<string> choices) =>
        new(Split(names), valueName, help, @default, text => text.ToLowerInvariant()) { Choices = choices, DefaultText = @default };

    /// <summary>Token ids: numbers separated by commas or spaces, with or without brackets around them.</summary>
    public static int[] ReadIds(string text) => [.. ReadIntegers(text.Trim().TrimStart('[').TrimEnd(']'), 0)];

    /// <summary>A finite number, in the invariant culture.</summary>
    public static float ReadNumber(string text)
    {
        var value = float.Parse(text, FloatStyle, CultureInfo.InvariantCulture);
        return float.IsFinite(value) ? value : throw new FormatException();
    }

    private static int ReadInteger(string text, int minimum, int maximum = int.MaxValue)
    {
        var value = int.Parse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture);
        return value < minimum ? throw new ArgumentException($"it must be {minimum} or more, but is {value}.")
            : value > maximum ? throw new ArgumentException($"it must be {maximum} or less, but is {value}.")
            : value;
    }

    private static ImmutableArray<int> ReadIntegers(string text, int minimum, int maximum = int.MaxValue) =>
        [.. text.Split([',', ' ', '\n', '\r', '\t'], StringSplitOptions.RemoveEmptyEntries).Select(part => ReadInteger(part, minimum, maximum))];

    private static ImmutableArray<string> Split(string names) => [.. names.Split(' ')];
}
