using System.Text;

namespace Abi.Llm.Tokenizers;

/// <summary>GPT-2's spelling of bytes: every byte has a printable character that stands for it in the vocabulary.</summary>
internal static class ByteCharacters
{
    private static readonly char[] Characters = CreateCharacters();
    private static readonly short[] Values = CreateValues();

    /// <summary>The character of each byte, in UTF-8.</summary>
    public static byte[] Encode(byte value) => Encoding.UTF8.GetBytes([Characters[value]]);

    /// <summary>Writes the bytes that a text stands for.</summary>
    /// <returns>How many they are; -1 when a character stands for none.</returns>
    public static int Decode(ReadOnlySpan<byte> text, Span<byte> target)
    {
        var written = 0;
        for (var i = 0; i < text.Length;)
        {
            var codePoint = CodePoints.Decode(text[i..], out var length);
            if (codePoint >= Values.Length || Values[codePoint] < 0)
            {
                return -1;
            }

            target[written++] = (byte)Values[codePoint];
            i += length;
        }

        return written;
    }

    /// <summary>The same, with characters that stand for no byte left as they are.</summary>
    public static int DecodeLoosely(ReadOnlySpan<byte> text, Span<byte> target)
    {
        var written = 0;
        for (var i = 0; i < text.Length;)
        {
            var codePoint = CodePoints.Decode(text[i..], out var length);
            if (codePoint < Values.Length && Values[codePoint] >= 0)
            {
                target[written++] = (byte)Values[codePoint];
            }
            else
            {
                text.Slice(i, length).CopyTo(target[written..]);
                written += length;
            }

            i += length;
        }

        return written;
    }

    private static char[] CreateCharacters()
    {
        var characters = new char[256];
        var next = (char)256;
        for (var b = 0; b < 256; b++)
        {
            characters[b] = b is (>= '!' and <= '~') or (>= 0xa1 and <= 0xac) or (>= 0xae and <= 0xff) ? (char)b : next++;
        }

        return characters;
    }

    private static short[] CreateValues()
    {
        var values = new short[Characters.Max() + 1];
        Array.Fill(values, (short)-1);
        for (var b = 0; b < 256; b++)
        {
            values[Characters[b]] = (short)b;
        }

        return values;
    }
}
