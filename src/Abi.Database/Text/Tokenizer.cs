using System.Globalization;
using System.Text;

namespace Abi.Database.Text;

/// <summary>
/// Cuts text into words: runs of letters, marks and digits of any script, in lower case (the simple mapping of Unicode). An apostrophe between letters belongs to the word. Scripts
/// that write without spaces (Han, Hiragana, Katakana, Thai, Lao, Khmer, Myanmar) give a word a character.
/// </summary>
internal static class Tokenizer
{
    private const int LongestWord = 256; // characters; what is longer is no word, and is cut

    /// <summary>The words, in order.</summary>
    public static List<string> Words(string text)
    {
        List<string> words = [];
        var word = new StringBuilder();
        for (var at = 0; at < text.Length;)
        {
            if (Rune.DecodeFromUtf16(text.AsSpan(at), out var rune, out var length) != System.Buffers.OperationStatus.Done)
            {
                (rune, length) = (Rune.ReplacementChar, 1);
            }

            if (IsWordCharacter(rune))
            {
                if (StandsAlone(rune.Value))
                {
                    End(words, word);
                    words.Add(rune.ToString());
                }
                else
                {
                    word.Append(Rune.ToLowerInvariant(rune).ToString());
                }
            }
            else if (rune.Value is not ('\'' or '\u2019') || word.Length == 0 || at + 1 >= text.Length || !char.IsLetter(text[at + 1]))
            {
                End(words, word);
            }
            else
            {
                word.Append('\'');
            }

            at += length;
        }

        End(words, word);
        return words;
    }

    private static void End(List<string> words, StringBuilder word)
    {
        if (word.Length > 0)
        {
            words.Add(word.ToString(0, Math.Min(word.Length, LongestWord)));
            word.Clear();
        }
    }

    private static bool IsWordCharacter(Rune rune) => Rune.GetUnicodeCategory(rune) switch
    {
        UnicodeCategory.UppercaseLetter or UnicodeCategory.LowercaseLetter or UnicodeCategory.TitlecaseLetter or UnicodeCategory.ModifierLetter or UnicodeCategory.OtherLetter => true,
        UnicodeCategory.NonSpacingMark or UnicodeCategory.SpacingCombiningMark or UnicodeCategory.EnclosingMark => true,
        UnicodeCategory.DecimalDigitNumber or UnicodeCategory.LetterNumber or UnicodeCategory.OtherNumber => true,
        _ => false,
    };

    private static bool StandsAlone(int c) => c is (>= 0x0E00 and <= 0x0EFF) or (>= 0x1000 and <= 0x109F) or (>= 0x1780 and <= 0x17FF) or (>= 0x3040 and <= 0x30FF)
        or (>= 0x3400 and <= 0x4DBF) or (>= 0x4E00 and <= 0x9FFF) or (>= 0xF900 and <= 0xFAFF) or (>= 0x20000 and <= 0x3FFFF);
}
