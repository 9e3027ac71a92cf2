using System.Globalization;
using System.Text;

namespace Abi.Database.Text;

/// <summary>Tells classes. Derived from general categories and the ranges of scripts, as the property is.</summary>
internal static class WordClasses
{
    /// <summary>The class of a character.</summary>
    public static WordClass Of(Rune rune)
    {
        var c = rune.Value;
        if (c < 0x80)
        {
            return char.IsAsciiLetter((char)c) ? WordClass.Letter : char.IsAsciiDigit((char)c) ? WordClass.Numeric : c switch
            {
                '\r' => WordClass.CarriageReturn,
                '\n' => WordClass.LineFeed,
                0x0B or 0x0C => WordClass.Newline,
                ' ' => WordClass.Space,
                '\'' => WordClass.SingleQuote,
                '"' => WordClass.DoubleQuote,
                '.' => WordClass.MidNumLet,
                ':' => WordClass.MidLetter,
                ',' or ';' => WordClass.MidNum,
                '_' => WordClass.ExtendNumLet,
                _ => WordClass.Other,
            };
        }

        return c switch
        {
            0x85 or 0x2028 or 0x2029 => WordClass.Newline,
            0x200D => WordClass.Joiner,
            0x200C or 0xFF9E or 0xFF9F or (>= 0x1F3FB and <= 0x1F3FF) or (>= 0xE0020 and <= 0xE007F) => WordClass.Extend,
            0x200B => WordClass.Other,
            >= 0x1F1E6 and <= 0x1F1FF => WordClass.RegionalIndicator,
            0x2018 or 0x2019 or 0x2024 or 0xFE52 or 0xFF07 or 0xFF0E => WordClass.MidNumLet,
            0xB7 or 0x0387 or 0x055F or 0x05F4 or 0x2027 or 0xFE13 or 0xFE55 or 0xFF1A => WordClass.MidLetter,
            0x037E or 0x0589 or 0x060C or 0x060D or 0x066C or 0x07F8 or 0x2044 or 0xFE10 or 0xFE14 or 0xFE50 or 0xFE54 or 0xFF0C or 0xFF1B => WordClass.MidNum,
            0x202F => WordClass.ExtendNumLet,
            0xA0 or 0x2007 => WordClass.Other,
            0x066B => WordClass.Numeric,
            _ when IsKatakana(c) => WordClass.Katakana,
            (>= 0x05D0 and <= 0x05EA) or (>= 0x05EF and <= 0x05F2) or 0xFB1D or (>= 0xFB1F and <= 0xFB4F) => WordClass.HebrewLetter,
            _ => ByCategory(rune),
        };
    }

    /// <summary>Whether a segment with such a character is a word.</summary>
    public static bool IsWord(WordClass kind) => kind is WordClass.Letter or WordClass.HebrewLetter or WordClass.Numeric or WordClass.Katakana or WordClass.Alone;

    private static WordClass ByCategory(Rune rune) => Rune.GetUnicodeCategory(rune) switch
    {
        UnicodeCategory.UppercaseLetter or UnicodeCategory.LowercaseLetter or UnicodeCategory.TitlecaseLetter or UnicodeCategory.ModifierLetter or UnicodeCategory.OtherLetter or UnicodeCategory.LetterNumber =>
            StandsAlone(rune.Value) ? WordClass.Alone : WordClass.Letter,
        UnicodeCategory.OtherSymbol when rune.Value is >= 0x24B6 and <= 0x24E9 => WordClass.Letter, // circled letters
        UnicodeCategory.OtherNumber => WordClass.Alone,
        UnicodeCategory.DecimalDigitNumber => WordClass.Numeric,
        UnicodeCategory.NonSpacingMark or UnicodeCategory.SpacingCombiningMark or UnicodeCategory.EnclosingMark or UnicodeCategory.Format => WordClass.Extend,
        UnicodeCategory.ConnectorPunctuation => WordClass.ExtendNumLet,
        UnicodeCategory.SpaceSeparator => WordClass.Space,
        _ => WordClass.Other,
    };

    private static bool IsKatakana(int c) => c is (>= 0x3031 and <= 0x3035) or 0x309B or 0x309C or (>= 0x30A0 and <= 0x30FA) or (>= 0x30FC and <= 0x30FF) or (>= 0x31F0 and <= 0x31FF) or (>= 0x32D0 and <= 0x32FE)
        or (>= 0x3300 and <= 0x3357) or (>= 0xFF66 and <= 0xFF9D);

    // Han, Hiragana, and the scripts of South-East Asia: Thai, Lao, Myanmar, Khmer, Tai.
    private static bool StandsAlone(int c) => c is (>= 0x0E00 and <= 0x0EFF) or (>= 0x1000 and <= 0x109F) or (>= 0x1780 and <= 0x17FF) or (>= 0x1950 and <= 0x19DF) or (>= 0x1A20 and <= 0x1AAF)
        or (>= 0xA9E0 and <= 0xA9FF) or (>= 0xAA60 and <= 0xAADF) or (>= 0x3005 and <= 0x3007) or (>= 0x3021 and <= 0x3029) or (>= 0x3038 and <= 0x303B) or (>= 0x3041 and <= 0x309F)
        or (>= 0x3400 and <= 0x4DBF) or (>= 0x4E00 and <= 0x9FFF) or (>= 0xF900 and <= 0xFAFF) or (>= 0x1B000 and <= 0x1B2FF) or (>= 0x20000 and <= 0x3FFFF);
}
