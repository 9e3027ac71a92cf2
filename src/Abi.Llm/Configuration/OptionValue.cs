using System.Globalization;
using System.Numerics;
using Microsoft.Extensions.Configuration;

namespace Abi.Llm.Configuration;

/// <summary>Reads single values of a configuration. What cannot be read is an <see cref="InvalidOperationException"/> that names the key in quotes, from which the framework finds the variable.</summary>
internal static class OptionValue
{
    internal static string Text(IConfigurationSection section) => section.Value ?? throw Unreadable(section, "a text");

    internal static bool Flag(IConfigurationSection section) => bool.TryParse(section.Value, out var value) ? value : throw Unreadable(section, "true or false");

    internal static T Number<T>(IConfigurationSection section)
        where T : INumber<T> =>
        T.TryParse(section.Value, NumberStyles.Float, CultureInfo.InvariantCulture, out var value) ? value : throw Unreadable(section, typeof(T) == typeof(float) ? "a number" : "a whole number");

    internal static T Choice<T>(IConfigurationSection section)
        where T : struct, Enum =>
        Enum.TryParse<T>(section.Value, ignoreCase: true, out var value) && Enum.IsDefined(value) ? value : throw Unreadable(section, $"one of {string.Join(", ", Enum.GetNames<T>())}");

    internal static TimeSpan Duration(IConfigurationSection section) =>
        TimeSpan.TryParse(section.Value, CultureInfo.InvariantCulture, out var value) ? value : throw Unreadable(section, "a time as [days.]hours:minutes:seconds");

    /// <summary>A number of bytes, or a number with KB, MB, GB or TB behind it (powers of 1024).</summary>
    internal static long ByteCount(IConfigurationSection section)
    {
        var text = (section.Value ?? "").Trim();
        var power = 0;
        foreach (var (unit, bits) in ByteUnits)
        {
            if (text.EndsWith(unit, StringComparison.OrdinalIgnoreCase))
            {
                (text, power) = (text[..^unit.Length].TrimEnd(), bits);
                break;
            }
        }

        return double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var value) && value * (1L << power) is >= long.MinValue and < long.MaxValue and var bytes
            ? (long)bytes
            : throw Unreadable(section, "a number of bytes, perhaps with KB, MB, GB or TB behind it,");
    }

    private static readonly (string Unit, int Bits)[] ByteUnits = [("KB", 10), ("MB", 20), ("GB", 30), ("TB", 40)];

    /// <summary>The elements of a list, in the order of their numbers: the keys <c>…:0</c>, <c>…:1</c> and so on.</summary>
    internal static IEnumerable<IConfigurationSection> Elements(IConfigurationSection section)
    {
        if (section.Value is { Length: > 0 })
        {
            throw Unreadable(section, "a list (keys ending in :0, :1 and so on)");
        }

        return section.GetChildren();
    }

    internal static InvalidOperationException Unknown(IConfigurationSection section, IEnumerable<string> known) =>
        new($"there is no option '{section.Path}'. There are: {string.Join(", ", known.Order(StringComparer.Ordinal))}.");

    private static InvalidOperationException Unreadable(IConfigurationSection section, string expected) =>
        new($"'{section.Path}' is '{section.Value}', but {expected} was expected.");
}
