using System.Globalization;

namespace Abi.Cli.Terminal;

/// <summary>Numbers as people read them.</summary>
internal static class Sizes
{
    /// <summary>Bytes in binary units (<c>5.95 MiB</c>).</summary>
    public static string Bytes(double bytes)
    {
        string[] units = ["B", "KiB", "MiB", "GiB", "TiB"];
        var unit = 0;
        while (bytes >= 1024 && unit < units.Length - 1)
        {
            bytes /= 1024;
            unit++;
        }

        return unit == 0 ? string.Create(CultureInfo.InvariantCulture, $"{bytes:F0} B") : string.Create(CultureInfo.InvariantCulture, $"{bytes:F2} {units[unit]}");
    }

    /// <summary>A count in thousands (<c>5.77 M</c>).</summary>
    public static string Count(double count)
    {
        string[] units = ["", " K", " M", " B", " T"];
        var unit = 0;
        while (count >= 1000 && unit < units.Length - 1)
        {
            count /= 1000;
            unit++;
        }

        return unit == 0 ? string.Create(CultureInfo.InvariantCulture, $"{count:F0}") : string.Create(CultureInfo.InvariantCulture, $"{count:F2}{units[unit]}");
    }
}
