using System.Globalization;

namespace Abi.Llm.Tokenizers;

/// <summary>What pre-tokenizer patterns see of a code point: ASCII as it is, everything else as one character that stands for its class.</summary>
internal static class CharacterClasses
{
    /// <summary>Neither letter, number, punctuation, mark, symbol nor white space.</summary>
    public const char Other = '\uE000';
    public const char Number = '\uE001';
    public const char Letter = '\uE002';
    public const char Punctuation = '\uE003';
    public const char Mark = '\uE004';
    public const char Symbol = '\uE005';
    public const char Han = '\uE006';
    public const char Joiner = '\uE007';

    /// <summary>White space beyond ASCII: the vertical tab stands for it.</summary>
    public const char Space = '\v';

    private static readonly char[] Plane0 = [.. Enumerable.Range(0, 0x10000).Select(Compute)];

    /// <summary>The class of a code point.</summary>
    public static char Of(int codePoint) => codePoint < 0x10000 ? Plane0[codePoint] : Compute(codePoint);

    public static bool IsWhiteSpace(int codePoint) => codePoint is 0x20 or (>= 9 and <= 13) or 0x85 or 0xa0 or 0x1680 or (>= 0x2000 and <= 0x200a) or 0x2028 or 0x2029 or 0x202f or 0x205f or 0x3000;

    public static bool IsJoiner(int codePoint) => codePoint is 0x200c or 0x200d;

    public static bool IsHan(int codePoint) => codePoint
        is (>= 0x4e00 and <= 0x9fff) or (>= 0x3400 and <= 0x4dbf) or (>= 0x20000 and <= 0x2a6df) or (>= 0x2a700 and <= 0x2ebef) or (>= 0xf900 and <= 0xfaff) or (>= 0x2f800 and <= 0x2fa1f);

    /// <summary>
    /// Characters of Unicode 16, which the runtime knows and the reference (15.1) does not: a model's ids must not change with the runtime, so they count as unassigned.
    /// Gaps between them are unassigned too.
    /// </summary>
    public static bool IsNewer(int codePoint) => codePoint
        is 0x897 or 0x1b4e or 0x1b4f or 0x1b7f or 0x1c89 or 0x1c8a or (>= 0x2427 and <= 0x2429) or 0x31e4 or 0x31e5 or (>= 0xa7cb and <= 0xa7cd)
        or (>= 0xa7da and <= 0xa7dc) or (>= 0x105c0 and <= 0x105f3) or (>= 0x10d40 and <= 0x10d8f) or (>= 0x10ec2 and <= 0x10efc)
        or (>= 0x11380 and <= 0x113e2) or (>= 0x116d0 and <= 0x116e3) or (>= 0x11bc0 and <= 0x11bf9) or 0x11f5a or (>= 0x13460 and <= 0x143fa)
        or (>= 0x16100 and <= 0x16139) or (>= 0x16d40 and <= 0x16d79) or 0x18cff or (>= 0x1cc00 and <= 0x1ceb3) or (>= 0x1e5d0 and <= 0x1e5ff)
        or (>= 0x1f8b2 and <= 0x1f8c1) or (>= 0x1fa89 and <= 0x1fa8f) or 0x1fabe or 0x1fac6 or (>= 0x1fadc and <= 0x1fadf) or 0x1fae9
        or (>= 0x1fbcb and <= 0x1fbef) or 0x2b739;

    private static char Compute(int codePoint) => codePoint < 128 ? (char)codePoint
        : IsWhiteSpace(codePoint) ? Space
        : IsNewer(codePoint) ? Other
        : OfCategory(CharUnicodeInfo.GetUnicodeCategory(codePoint));

    private static char OfCategory(UnicodeCategory category) => category switch
    {
        <= UnicodeCategory.OtherLetter => Letter,
        UnicodeCategory.NonSpacingMark or UnicodeCategory.SpacingCombiningMark or UnicodeCategory.EnclosingMark => Mark,
        UnicodeCategory.DecimalDigitNumber or UnicodeCategory.LetterNumber or UnicodeCategory.OtherNumber => Number,
        UnicodeCategory.ConnectorPunctuation or UnicodeCategory.DashPunctuation or UnicodeCategory.OpenPunctuation or UnicodeCategory.ClosePunctuation
            or UnicodeCategory.InitialQuotePunctuation or UnicodeCategory.FinalQuotePunctuation or UnicodeCategory.OtherPunctuation => Punctuation,
        UnicodeCategory.MathSymbol or UnicodeCategory.CurrencySymbol or UnicodeCategory.ModifierSymbol or UnicodeCategory.OtherSymbol => Symbol,
        _ => Other,
    };
}
