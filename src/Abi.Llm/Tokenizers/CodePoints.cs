using System.Text;
using System.Text.Unicode;

namespace Abi.Llm.Tokenizers;

/// <summary>
/// Code points of bytes that need not be UTF-8: a byte that begins no character is U+FFFD, while surrogates are taken at their value, as the reference takes them.
/// </summary>
internal static class CodePoints
{
    /// <summary>The code point at the front of some bytes.</summary>
    public static int Decode(ReadOnlySpan<byte> utf8, out int length)
    {
        var first = utf8[0];
        length = 1;
        var needed = first switch { < 0x80 => 1, < 0xc0 => 0, < 0xe0 => 2, < 0xf0 => 3, < 0xf8 => 4, _ => 0 };
        if (needed == 1)
        {
            return first;
        }

        if (needed == 0 || utf8.Length < needed)
        {
            return 0xfffd;
        }

        var value = first & (0x7f >> needed);
        for (var i = 1; i < needed; i++)
        {
            if ((utf8[i] & 0xc0) != 0x80)
            {
                return 0xfffd;
            }

            value = (value << 6) | (utf8[i] & 0x3f);
        }

        // Overlong forms and what lies beyond Unicode are broken too.
        if (value > 0x10ffff || value < needed switch { 2 => 0x80, 3 => 0x800, _ => 0x10000 })
        {
            return 0xfffd;
        }

        length = needed;
        return value;
    }

    /// <summary>How long a character is by its first byte.</summary>
    public static int LengthOf(byte first) => (first >> 4) switch { < 12 => 1, 12 or 13 => 2, 14 => 3, _ => 4 };

    /// <summary>The simple lower case of a code point.</summary>
    /// <remarks>.NET leaves the dotted capital I alone, for the sake of Turkish; its simple lower case is i.</remarks>
    public static int ToLower(int codePoint) => codePoint == 'İ' ? 'i'
        : Rune.IsValid(codePoint) && !CharacterClasses.IsNewer(codePoint) ? Rune.ToLowerInvariant(new Rune(codePoint)).Value
        : codePoint;

    /// <summary>Writes a code point, surrogates included, and returns its length.</summary>
    public static int Encode(int codePoint, Span<byte> target)
    {
        switch (codePoint)
        {
            case < 0x80:
                target[0] = (byte)codePoint;
                return 1;
            case < 0x800:
                target[0] = (byte)(0xc0 | (codePoint >> 6));
                target[1] = (byte)(0x80 | (codePoint & 0x3f));
                return 2;
            case < 0x10000:
                target[0] = (byte)(0xe0 | (codePoint >> 12));
                target[1] = (byte)(0x80 | ((codePoint >> 6) & 0x3f));
                target[2] = (byte)(0x80 | (codePoint & 0x3f));
                return 3;
            default:
                target[0] = (byte)(0xf0 | (codePoint >> 18));
                target[1] = (byte)(0x80 | ((codePoint >> 12) & 0x3f));
                target[2] = (byte)(0x80 | ((codePoint >> 6) & 0x3f));
                target[3] = (byte)(0x80 | (codePoint & 0x3f));
                return 4;
        }
    }

    /// <summary>The same text spelt regularly: the bytes themselves when they are UTF-8.</summary>
    public static ReadOnlySpan<byte> Regular(ReadOnlySpan<byte> bytes)
    {
        if (Utf8.IsValid(bytes))
        {
            return bytes;
        }

        var result = new byte[bytes.Length * 3];
        var written = 0;
        for (var i = 0; i < bytes.Length;)
        {
            var codePoint = Decode(bytes[i..], out var length);
            written += Encode(codePoint, result.AsSpan(written));
            i += length;
        }

        return result.AsSpan(0, written);
    }
}
