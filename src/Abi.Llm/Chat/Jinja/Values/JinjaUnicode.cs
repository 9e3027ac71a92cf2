using System.Globalization;
using System.Text;

namespace Abi.Llm.Chat.Jinja;

/// <summary>What Python's strings know of Unicode: classes of characters and mappings of case, full ones (SpecialCasing) where a letter becomes several.</summary>
internal static class JinjaUnicode
{
    /// <summary>Letters whose upper case is more than one letter.</summary>
    private const string LongUpperFrom = "ßŉǰΐΰ\u0587\u1e96\u1e97\u1e98\u1e99\u1e9a\u1f50\u1f52\u1f54\u1f56\u1f80\u1f81\u1f82\u1f83\u1f84\u1f85\u1f86\u1f87\u1f88\u1f89"
        + "\u1f8a\u1f8b\u1f8c\u1f8d\u1f8e\u1f8f\u1f90\u1f91\u1f92\u1f93\u1f94\u1f95\u1f96\u1f97\u1f98\u1f99\u1f9a\u1f9b\u1f9c\u1f9d\u1f9e"
        + "\u1f9f\u1fa0\u1fa1\u1fa2\u1fa3\u1fa4\u1fa5\u1fa6\u1fa7\u1fa8\u1fa9\u1faa\u1fab\u1fac\u1fad\u1fae\u1faf\u1fb2\u1fb3\u1fb4\u1fb6"
        + "\u1fb7\u1fbc\u1fc2\u1fc3\u1fc4\u1fc6\u1fc7\u1fcc\u1fd2\u1fd3\u1fd6\u1fd7\u1fe2\u1fe3\u1fe4\u1fe6\u1fe7\u1ff2\u1ff3\u1ff4\u1ff6"
        + "\u1ff7\u1ffc\ufb00\ufb01\ufb02\ufb03\ufb04\ufb05\ufb06\ufb13\ufb14\ufb15\ufb16\ufb17";

    /// <summary>Their upper cases, in the same order, parted by spaces.</summary>
    private const string LongUpperTo = "SS ʼN J\u030c Ι\u0308\u0301 Υ\u0308\u0301 \u0535\u0552 H\u0331 T\u0308 W\u030a Y\u030a Aʾ Υ\u0313 Υ\u0313\u0300 Υ\u0313\u0301 Υ"
        + "\u0313\u0342 \u1f08Ι \u1f09Ι \u1f0aΙ \u1f0bΙ \u1f0cΙ \u1f0dΙ \u1f0eΙ \u1f0fΙ \u1f08Ι \u1f09Ι \u1f0aΙ \u1f0bΙ \u1f0cΙ \u1f0dΙ "
        + "\u1f0eΙ \u1f0fΙ \u1f28Ι \u1f29Ι \u1f2aΙ \u1f2bΙ \u1f2cΙ \u1f2dΙ \u1f2eΙ \u1f2fΙ \u1f28Ι \u1f29Ι \u1f2aΙ \u1f2bΙ \u1f2cΙ \u1f2dΙ "
        + "\u1f2eΙ \u1f2fΙ \u1f68Ι \u1f69Ι \u1f6aΙ \u1f6bΙ \u1f6cΙ \u1f6dΙ \u1f6eΙ \u1f6fΙ \u1f68Ι \u1f69Ι \u1f6aΙ \u1f6bΙ \u1f6cΙ \u1f6dΙ "
        + "\u1f6eΙ \u1f6fΙ \u1fbaΙ ΑΙ ΆΙ Α\u0342 Α\u0342Ι ΑΙ \u1fcaΙ ΗΙ ΉΙ Η\u0342 Η\u0342Ι ΗΙ Ι\u0308\u0300 Ι\u0308\u0301 Ι\u0342 Ι\u0308"
        + "\u0342 Υ\u0308\u0300 Υ\u0308\u0301 Ρ\u0313 Υ\u0342 Υ\u0308\u0342 \u1ffaΙ ΩΙ ΏΙ Ω\u0342 Ω\u0342Ι ΩΙ FF FI FL FFI FFL ST ST \u0544"
        + "\u0546 \u0544\u0535 \u0544\u053b \u054e\u0546 \u0544\u053d";

    /// <summary>Ligatures and the like, whose title case begins with one capital: letter, title case, space.</summary>
    private const string LongTitles = "ßSs \u0587\u0535\u0582 \u1fb2\u1fba\u0345 \u1fb4Ά\u0345 \u1fb7Α\u0342\u0345 \u1fc2\u1fca\u0345 \u1fc4Ή\u0345 \u1fc7Η\u0342\u0345 "
        + "\u1ff2\u1ffa\u0345 \u1ff4Ώ\u0345 \u1ff7Ω\u0342\u0345 \ufb00Ff \ufb01Fi \ufb02Fl \ufb03Ffi \ufb04Ffl \ufb05St \ufb06St \ufb13\u0544"
        + "\u0576 \ufb14\u0544\u0565 \ufb15\u0544\u056b \ufb16\u054e\u0576 \ufb17\u0544\u056d";

    /// <summary>The ideographs that are numbers.</summary>
    private const string Ideographs = "㐅㒃㠪㭍一七万三九二五亖亿什仟仨伍佰億兆兩八六十千卄卅卌叁参參叄四壱壹幺廾廿弌弍弎弐拾捌柒漆玖百肆萬貮貳贰阡陆陌陸零";

    private static readonly Dictionary<string, string> LongUpper = LongUpperFrom.Select(c => c.ToString()).Zip(LongUpperTo.Split(' ')).ToDictionary(pair => pair.First, pair => pair.Second, StringComparer.Ordinal);
    private static readonly Dictionary<string, string> LongTitle = LongTitles.Split(' ').ToDictionary(pair => pair[..1], pair => pair[1..], StringComparer.Ordinal);

    public static bool IsSpace(char c) => char.IsWhiteSpace(c) || c is >= '\x1c' and <= '\x1f';

    public static string Trim(string text) => TrimStart(TrimEnd(text));

    public static string TrimStart(string text)
    {
        var i = 0;
        while (i < text.Length && IsSpace(text[i]))
        {
            i++;
        }

        return text[i..];
    }

    public static string TrimEnd(string text)
    {
        var end = text.Length;
        while (end > 0 && IsSpace(text[end - 1]))
        {
            end--;
        }

        return text[..end];
    }

    /// <summary>The words between white space.</summary>
    public static List<string> Words(string text)
    {
        List<string> words = [];
        for (var i = 0; i < text.Length; i++)
        {
            var start = i;
            while (i < text.Length && !IsSpace(text[i]))
            {
                i++;
            }

            if (i > start)
            {
                words.Add(text[start..i]);
                JinjaRuntime.CheckParts(words.Count);
            }
        }

        return words;
    }

    public static bool IsLetter(string character) => Category(character) is UnicodeCategory.UppercaseLetter or UnicodeCategory.LowercaseLetter or UnicodeCategory.TitlecaseLetter
        or UnicodeCategory.ModifierLetter or UnicodeCategory.OtherLetter;

    public static bool IsDecimal(string character) => CharUnicodeInfo.GetDecimalDigitValue(character, 0) >= 0;

    public static bool IsDigit(string character) => CharUnicodeInfo.GetDigitValue(character, 0) >= 0;

    public static bool IsNumeric(string character) => CharUnicodeInfo.GetNumericValue(character, 0) != -1 || Ideographs.Contains(character, StringComparison.Ordinal);

    public static bool IsAlphanumeric(string character) => IsLetter(character) || IsNumeric(character);

    /// <summary>What <c>\w</c> matches.</summary>
    public static bool IsWord(string character) => character == "_" || IsAlphanumeric(character);

    public static bool IsUpper(string character) => Category(character) == UnicodeCategory.UppercaseLetter || character is [>= '\u2160' and <= '\u216f'] or [>= '\u24b6' and <= '\u24cf'];

    public static bool IsLower(string character) => Category(character) == UnicodeCategory.LowercaseLetter
        || character is ['\u00aa' or '\u00ba' or (>= '\u02b0' and <= '\u02b8') or '\u02c0' or '\u02c1' or (>= '\u02e0' and <= '\u02e4') or '\u0345' or '\u037a' or (>= '\u1d2c' and <= '\u1d6a') or '\u1d78'
            or (>= '\u1d9b' and <= '\u1dbf') or '\u2071' or '\u207f' or (>= '\u2090' and <= '\u209c') or (>= '\u2170' and <= '\u217f') or (>= '\u24d0' and <= '\u24e9')];

    public static bool IsTitle(string character) => Category(character) == UnicodeCategory.TitlecaseLetter;

    public static bool IsCased(string character) => IsUpper(character) || IsLower(character) || IsTitle(character);

    public static bool IsPrintable(string character) => character == " " || Category(character) is not (UnicodeCategory.Control or UnicodeCategory.Format or UnicodeCategory.LineSeparator
        or UnicodeCategory.OtherNotAssigned or UnicodeCategory.ParagraphSeparator or UnicodeCategory.PrivateUse or UnicodeCategory.SpaceSeparator or UnicodeCategory.Surrogate);

    /// <summary>A name as Python takes it: a letter or underscore, then also digits, marks and connectors.</summary>
    public static bool IsIdentifier(string text)
    {
        var isFirst = true;
        foreach (var character in JinjaText.Characters(text))
        {
            var begins = character == "_" || IsLetter(character) || Category(character) == UnicodeCategory.LetterNumber;
            if (!begins && (isFirst || !(Category(character) is UnicodeCategory.NonSpacingMark or UnicodeCategory.SpacingCombiningMark or UnicodeCategory.DecimalDigitNumber or UnicodeCategory.ConnectorPunctuation || character == "\u00b7")))
            {
                return false;
            }

            isFirst = false;
        }

        return !isFirst;
    }

    public static string Upper(string text) => Ascii.IsValid(text) ? text.ToUpperInvariant() : string.Concat(JinjaText.Characters(text).Select(UpperOf));

    public static string Lower(string text) => Ascii.IsValid(text) ? text.ToLowerInvariant() : Map(text, (characters, i) => LowerOf(characters, i));

    public static string Fold(string text) => Ascii.IsValid(text) ? text.ToLowerInvariant() : Map(text, (characters, i) => characters[i] switch
    {
        "\u0131" => "\u0131",
        [(>= '\u13a0' and <= '\u13fd') or (>= '\uab70' and <= '\uabbf')] cherokee => UpperOf(cherokee),
        var c => string.Concat(JinjaText.Characters(Upper(SimpleLower(c))).Select(SimpleLower)),
    });

    public static string SwapCase(string text) => Map(text, (characters, i) => IsUpper(characters[i]) ? LowerOf(characters, i) : IsLower(characters[i]) ? UpperOf(characters[i]) : characters[i]);

    public static string Capitalize(string text) => Map(text, (characters, i) => i == 0 ? TitleOf(characters[0]) : LowerOf(characters, i));

    /// <summary><c>str.title</c>: a letter begins a word where none with case stands before it.</summary>
    public static string Title(string text) => Map(text, (characters, i) => i > 0 && IsCased(characters[i - 1]) ? LowerOf(characters, i) : TitleOf(characters[i]));

    private static string Map(string text, Func<List<string>, int, string> map)
    {
        var characters = JinjaText.Characters(text);
        var result = new StringBuilder(text.Length);
        for (var i = 0; i < characters.Count; i++)
        {
            result.Append(map(characters, i));
        }

        return result.ToString();
    }

    private static string UpperOf(string character) => LongUpper.TryGetValue(character, out var upper) ? upper : character switch
    {
        // .NET maps no letter into ASCII.
        "\u0131" => "I",
        "\u017f" => "S",
        _ => character.ToUpperInvariant(),
    };

    private static string TitleOf(string character)
    {
        if (LongTitle.TryGetValue(character, out var title))
        {
            return title;
        }

        return character[0] switch
        {
            >= '\u01c4' and <= '\u01cc' => ((char)(0x1c5 + ((character[0] - 0x1c4) / 3 * 3))).ToString(),
            >= '\u01f1' and <= '\u01f3' => "\u01f2",
            >= '\u10d0' and <= '\u10ff' => character,
            (>= '\u1f80' and <= '\u1faf') => ((char)(character[0] | 8)).ToString(),
            '\u1fb3' or '\u1fc3' or '\u1ff3' => ((char)(character[0] + 9)).ToString(),
            '\u1fbc' or '\u1fcc' or '\u1ffc' => character,
            _ => UpperOf(character),
        };
    }

    private static string SimpleLower(string character) => character == "\u0130" ? "i\u0307" : character.ToLowerInvariant();

    /// <summary>A sigma at the end of a word has its own form.</summary>
    private static string LowerOf(List<string> characters, int i)
    {
        if (characters[i] != "\u03a3")
        {
            return SimpleLower(characters[i]);
        }

        var before = i - 1;
        while (before >= 0 && IsIgnored(characters[before]))
        {
            before--;
        }

        var after = i + 1;
        while (after < characters.Count && IsIgnored(characters[after]))
        {
            after++;
        }

        return before >= 0 && IsCased(characters[before]) && !(after < characters.Count && IsCased(characters[after])) ? "\u03c2" : "\u03c3";
    }

    private static bool IsIgnored(string character) => character is "'" or "." or ":" or "^" or "`" or "\u00a8" or "\u00ad" or "\u00af" or "\u00b4" or "\u00b7" or "\u00b8" or "\u2019"
        || Category(character) is UnicodeCategory.NonSpacingMark or UnicodeCategory.EnclosingMark or UnicodeCategory.Format or UnicodeCategory.ModifierLetter or UnicodeCategory.ModifierSymbol;

    private static UnicodeCategory Category(string character) => CharUnicodeInfo.GetUnicodeCategory(character, 0);
}
