using System.Globalization;
using System.Text;

namespace Abi.Cli.Models;

/// <summary>Backslash sequences in texts of the command line, as llama.cpp reads them.</summary>
internal static class Escapes
{
    /// <summary>Replaces <c>\n \r \t \' \" \\</c> and <c>\xHH</c> (a byte of UTF-8); others stay as they are.</summary>
    public static string Read(string text)
    {
        if (!text.Contains('\\', StringComparison.Ordinal))
        {
            return text;
        }

        var source = Encoding.UTF8.GetBytes(text);
        var bytes = new List<byte>(source.Length);
        for (var i = 0; i < source.Length; i++)
        {
            if (source[i] != '\\' || i + 1 == source.Length)
            {
                bytes.Add(source[i]);
                continue;
            }

            var next = (char)source[++i];
            if ("nrt'\"\\".Contains(next, StringComparison.Ordinal))
            {
                bytes.Add(next switch { 'n' => (byte)'\n', 'r' => (byte)'\r', 't' => (byte)'\t', _ => (byte)next });
            }
            else if (next == 'x' && i + 2 < source.Length && byte.TryParse(source.AsSpan(i + 1, 2), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var value))
            {
                bytes.Add(value);
                i += 2;
            }
            else
            {
                bytes.Add((byte)'\\');
                bytes.Add(source[i]);
            }
        }

        return Encoding.UTF8.GetString([.. bytes]);
    }
}
