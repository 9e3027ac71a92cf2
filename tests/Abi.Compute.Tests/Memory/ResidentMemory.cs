using System.Globalization;

namespace Abi.Compute.Tests.Memory;

/// <summary>What of a mapped file counts as this process's memory; Linux only.</summary>
internal static class ResidentMemory
{
    /// <summary>The bytes of a mapped file that the process holds.</summary>
    public static long Bytes(string path)
    {
        long kilobytes = 0;
        var isFile = false;
        foreach (var line in File.ReadLines("/proc/self/smaps"))
        {
            if (char.IsAsciiHexDigitLower(line[0]))
            {
                // a mapping begins; its fields begin with capitals
                isFile = line.EndsWith(path, StringComparison.Ordinal);
            }
            else if (isFile && line.StartsWith("Rss:", StringComparison.Ordinal))
            {
                kilobytes += long.Parse(line.AsSpan(4, line.Length - 6).Trim(), CultureInfo.InvariantCulture);
            }
        }

        return kilobytes * 1024;
    }
}
