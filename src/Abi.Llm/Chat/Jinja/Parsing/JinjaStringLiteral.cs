using System.Globalization;
using System.Text;

namespace Abi.Llm.Chat.Jinja;

/// <summary>The escapes of a string literal, Python's.</summary>
internal static class JinjaStringLiteral
{
    /// <summary>The text that a literal (without its quotes) means; null where an escape is cut short or unknown.</summary>
    public static string? Unescape(ReadOnlySpan<char> literal)
    {
        var value = new StringBuilder(literal.Length);
        for (var i = 0; i < literal.Length; i++)
        {
            if (literal[i] != '\\' || i + 1 >= literal.Length)
            {
                value.Append(literal[i]);
                continue;
            }

            var c = literal[++i];
            if (c is 'x' or 'u' or 'U')
            {
                var digits = c == 'x' ? 2 : c == 'u' ? 4 : 8;
                if (!TryCode(value, literal[(i + 1)..], digits))
                {
                    return null;
                }

                i += digits;
            }
            else if (c is >= '0' and <= '7')
            {
                var end = i + 1;
                while (end < Math.Min(i + 3, literal.Length) && literal[end] is >= '0' and <= '7')
                {
                    end++;
                }

                value.Append((char)Convert.ToInt32(literal[i..end].ToString(), 8));
                i = end - 1;
            }
            else if (Simple(c) is { } simple)
            {
                value.Append(simple);
            }
            else if (c == 'N')
            {
                return null; // names of characters are not known here
            }
            else
            {
                // A backslash before anything else stays; Jinja makes an escape of what is not ASCII first, whose letters then stay too.
                var length = char.IsHighSurrogate(c) && i + 1 < literal.Length ? 2 : 1;
                value.Append('\\').Append(c > '\x7f' ? JinjaText.Escape(literal.Slice(i, length).ToString())[1..] : c.ToString());
                i += length - 1;
            }
        }

        return value.ToString();
    }

    private static string? Simple(char c) => c switch
    {
        'n' => "\n",
        't' => "\t",
        'r' => "\r",
        'b' => "\b",
        'f' => "\f",
        'v' => "\v",
        'a' => "\a",
        '\n' => "",
        '\\' or '\'' or '"' => c.ToString(),
        _ => null,
    };

    private static bool TryCode(StringBuilder value, ReadOnlySpan<char> text, int digits)
    {
        if (text.Length < digits || !int.TryParse(text[..digits], NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var code) || code is < 0 or > 0x10ffff)
        {
            return false;
        }

        _ = code <= 0xffff ? value.Append((char)code) : value.Append(char.ConvertFromUtf32(code));
        return true;
    }
}
