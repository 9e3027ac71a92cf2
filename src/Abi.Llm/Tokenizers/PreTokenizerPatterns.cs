using System.Text.RegularExpressions;

namespace Abi.Llm.Tokenizers;

// A time limit would make long texts fail; the patterns are linear, and tests hold them to it.
#pragma warning disable MA0009

/// <summary>
/// The patterns of the models' pre-tokenizers, over the classes of <see cref="CharacterClasses"/>. They are compiled at build time, and none takes more than linear time on a text:
/// what is taken back is a constant number of characters, or one run of white space that the next alternative then takes whole.
/// </summary>
internal static partial class PreTokenizerPatterns
{
    private const string L = @"A-Za-z\uE002";
    private const string N = @"0-9\uE001";
    private const string P = @"!-#%-*,-/:-;?-@\[-\]_{}\uE003";
    private const string M = @"\uE004";
    private const string S = @"$+<->\^`|~\uE005";
    private const string Upper = @"A-Z\uE002"; // letters but a-z
    private const string Lower = @"a-z\uE002"; // letters but A-Z
    private const string Contraction = "(?:'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD])";
    private const string Word = @"[^\r\n" + L + N + "]?[" + L + "]+";
    private const string Lines = @"\s*[\r\n]+|\s+(?!\S)|\s+";
    private const string Marks = @" ?[^\s" + L + N + @"]+[\r\n]*";
    private const string MarksOrSlash = @" ?[^\s" + L + N + @"]+[\r\n/]*";
    private const string Punctuated = @"[!-/:-@\[-`{-~][A-Za-z]+|[^\r\n" + L + P + S + "]?[" + L + M + "]+| ?[" + P + S + "]+";
    private const string Cased = @"[^\r\n" + L + N + "]?[" + Upper + "]*[" + Lower + "]+";
    private const string CasedUpper = @"[^\r\n" + L + N + "]?[" + Upper + "]+[" + Lower + "]*";
    private const string CasedMark = @"[^\r\n" + L + N + "]?[" + Upper + M + "]*[" + Lower + M + "]+";
    private const string CasedMarkUpper = @"[^\r\n" + L + N + "]?[" + Upper + M + "]+[" + Lower + M + "]*";
    private const string Collapsed = @"[^\r\n" + L + N + "]?[" + L + M + "]+";
    private const RegexOptions Options = RegexOptions.CultureInvariant;

    [GeneratedRegex("'s|'t|'re|'ve|'m|'ll|'d| ?[" + L + "]+| ?[" + N + "]+| ?[^\\s" + L + N + @"]+|\s+(?!\S)", Options)]
    public static partial Regex Gpt2 { get; }

    [GeneratedRegex(Contraction + "|" + Word + "|[" + N + "]{1,3}|" + Marks + "|" + Lines, Options)]
    public static partial Regex Llama3 { get; }

    [GeneratedRegex(Contraction + "|" + Word + "|[" + N + "]{1,3}|" + Marks
        + @"|\s*[\r\n]+|\s{512}(?!\S)|\s{256}(?!\S)|\s{128}(?!\S)|\s{64}(?!\S)|\s{32}(?!\S)|\s{16}(?!\S)|\s{8}(?!\S)|\s{4}(?!\S)|\s{1,2}(?!\S)|\s", Options)]
    public static partial Regex Jais2 { get; }

    [GeneratedRegex(Contraction + "|" + Word + "|[" + N + "]|" + Marks + "|" + Lines, Options)]
    public static partial Regex Qwen2 { get; }

    [GeneratedRegex(Contraction + "|" + Collapsed + "|[" + N + @"]| ?[^\s" + L + M + N + @"]+[\r\n]*|" + Lines, Options)]
    public static partial Regex Qwen35 { get; }

    [GeneratedRegex(Word + "|[" + N + "]|" + Marks + "|" + Lines, Options)]
    public static partial Regex Ufakzeka { get; }

    [GeneratedRegex(Contraction + "|" + Word + "|[" + N + "]+|" + Marks + "|" + Lines, Options)]
    public static partial Regex MiniCpm5 { get; }

    [GeneratedRegex("'(?:[sSdDmMtT]|[lL][lL]|[vV][eE]|[rR][eE])|" + Word + "|[" + N + "]|" + Marks + @"|\s*[\r\n]|\s+(?!\S)|\s+", Options)]
    public static partial Regex BailingMoe { get; }

    [GeneratedRegex(Contraction + "|" + Word + "|[" + N + @"]| ?[^\s" + L + N + "]+|" + Lines, Options)]
    public static partial Regex SeedCoder { get; }

    [GeneratedRegex(Contraction + @"|[^\r\n" + L + N + "]?[" + L + "][" + L + M + "]*(?: [" + L + "][" + L + M + "]*)*|[" + N + @"]| ?[^\s" + L + N + @"]+[\r\n/]?|\s*[\r\n]|\s+(?!\S)|\s+", Options)]
    public static partial Regex ExaoneMoe { get; }

    [GeneratedRegex(Cased + "|" + CasedUpper + "|[" + N + "]|" + MarksOrSlash + "|" + Lines, Options)]
    public static partial Regex Tekken { get; }

    [GeneratedRegex(Cased + Contraction + "?|" + CasedUpper + Contraction + "?|[" + N + "]{1,3}|" + MarksOrSlash + "|" + Lines, Options)]
    public static partial Regex Gpt4o { get; }

    [GeneratedRegex(CasedMark + Contraction + "?|" + CasedMarkUpper + Contraction + "?|[" + N + "]{1,3}|" + MarksOrSlash + "|" + Lines, Options)]
    public static partial Regex GraniteEmbedding { get; }

    [GeneratedRegex(Collapsed + Contraction + "?|[" + N + "]{1,3}|" + MarksOrSlash + "|" + Lines, Options)]
    public static partial Regex TinyAya { get; }

    [GeneratedRegex(Collapsed + Contraction + "?|[" + N + "]|" + MarksOrSlash + "|" + Lines, Options)]
    public static partial Regex Youtu { get; }

    [GeneratedRegex(@"[\uAC00-\uD7A3\u3131-\u318E]+|[\uFF01\u2026\u201C\u201D\u2018\u2019\u2014\uFF1A\uFF1B\uFF0C\u3001-\u303F\uFE30-\uFE4F]+|[\u3105-\u312F]+|[\u4E00-\u9FA5\u3040-\u309F\u30A0-\u30FF]+", Options)]
    public static partial Regex YoutuScripts { get; }

    [GeneratedRegex(@"\uE006+|[^\r\n" + L + N + @"\uE006]?[" + L + "]+" + Contraction + "?|[" + N + @"]{1,3}| ?[^\s" + L + N + @"\uE006]+[\r\n]*|" + Lines, Options)]
    public static partial Regex KimiK2 { get; }

    [GeneratedRegex(Contraction + @"|[^\r\n" + L + N + "]?[" + L + M + @"\uE007]+|[" + N + "]{1,3}|" + Marks + "|" + Lines, Options)]
    public static partial Regex K2Horizon { get; }

    [GeneratedRegex(Punctuated + @"[\r\n]*|" + Lines, Options)]
    public static partial Regex DeepSeek3 { get; }

    [GeneratedRegex(Punctuated + @"|[\r\n]|\s+(?!\S)|\s+", Options)]
    public static partial Regex Spark { get; }

    [GeneratedRegex("[" + P + @"$+<=>\^~|`]+", Options)]
    public static partial Regex FalconMarks { get; }

    [GeneratedRegex("[" + P + @"$+<=>\^~|]+", Options)]
    public static partial Regex DefaultMarks { get; }

    [GeneratedRegex("[" + N + "]", Options)]
    public static partial Regex OneNumber { get; }

    [GeneratedRegex("[" + N + "]{1,3}", Options)]
    public static partial Regex ThreeNumbers { get; }

    [GeneratedRegex("[" + N + "]+", Options)]
    public static partial Regex Numbers { get; }

    [GeneratedRegex("[0-9][0-9][0-9]", Options)]
    public static partial Regex ThreeDigits { get; }

    [GeneratedRegex(@"[\r\n]", Options)]
    public static partial Regex LineEnd { get; }

    [GeneratedRegex(@"[^\n]+|\n+", Options)]
    public static partial Regex LineRuns { get; }

    [GeneratedRegex(@"\S+", Options)]
    public static partial Regex NonSpace { get; }

    [GeneratedRegex(@"\s?[" + L + "]+", Options)]
    public static partial Regex CoderLetters { get; }

    [GeneratedRegex(@"\s?[" + P + "]+", Options)]
    public static partial Regex CoderMarks { get; }

    [GeneratedRegex(@"\s?[A-Za-z\u00B5\u00C0-\u00D6\u00D8-\u00F6\u00F8-\u01BA\u01BC-\u01BF\u01C4-\u0293\u0295-\u02AF\u0370-\u0373\u0376\u0377\u037B-\u037D\u037F\u0386\u0388-\u038A\u038C\u038E-\u03A1\u03A3-\u03F5\u03F7-\u0481\u048A-\u052F\u0531-\u0556\u10A0-\u10C5\u13A0-\u13F5\u13F8-\u13FD\u1C90-\u1CBA\u1CBD-\u1CBF\u1D00-\u1D2B\u1D6B-\u1D77\u1D79-\u1D9A\u1E00-\u1F15\u1F18-\u1F1D\u1F20-\u1F45\u1F48-\u1F4D\u1F50-\u1F57\u1F59\u1F5B\u1F5D\u1F5F-\u1F7D\u1F80-\u1FB4\u1FB6-\u1FBC\u1FBE\u1FC2-\u1FC4\u1FC6-\u1FCC\u1FD0-\u1FD3\u1FD6-\u1FDB\u1FE0-\u1FEC\u1FF2-\u1FF4\u1FF6-\u1FFC\u2102\u2107\u210A-\u2113\u2115\u2119-\u211D\u2124\u2126\u2128\u212A-\u212D\u212F-\u2134\u2139\u213C-\u213F\u2145-\u2149\u214E\u2183\u2184\u2C00-\u2C7B\u2C7E-\u2CE4\u2CEB-\u2CEE\u2CF2\u2CF3\uA640-\uA66D\uA680-\uA69B\uA722-\uA76F\uA771-\uA787\uA78B-\uA78E\uAB70-\uABBF\uFB00-\uFB06\uFB13-\uFB17\uFF21-\uFF3A\uFF41-\uFF5A]+", Options)]
    public static partial Regex DeepSeekWords { get; }

    [GeneratedRegex(@"\s?[!-/:-~\uFF01-\uFF0F\uFF1A-\uFF5E\u2018-\u201F\u3000-\u3002]+", Options)]
    public static partial Regex DeepSeekMarks { get; }

    [GeneratedRegex(@"[\u4E00-\u9FA5\u0800-\u4E00\uAC00-\uD7FF]+", Options)]
    public static partial Regex DeepSeekCjk { get; }

    [GeneratedRegex(@"[\u4E00-\u9FA5\u3040-\u309F\u30A0-\u30FF]+", Options)]
    public static partial Regex DeepSeek3Cjk { get; }

    [GeneratedRegex(@" ?[^(\s|.,!?\u2026\u3002\uFF0C\u3001\u0964\u06D4\u060C)]+", Options)]
    public static partial Regex Bloom { get; }

    [GeneratedRegex(@"[\u4E00-\u9FFF\u3400-\u4DBF\u8C48-\uFAFF\u3040-\u309F\u30A0-\u30FF\uFF65-\uFF9F\u2F00-\u2FDF\u0E40-\u0E7F\u0E80-\u0EFF\u1780-\u17FF\u1000-\u109F\uAA60-\uAA7F\uA9E0-\uA9FF\uAC00-\uD7AF\u1100-\u11FF]+", Options)]
    public static partial Regex AfMoeScripts { get; }

    [GeneratedRegex("<sentinel:[0-9]+>", Options)]
    public static partial Regex ChameleonSentinel { get; }

    [GeneratedRegex("IMGIMG[A-I]{1,4}Z", Options)]
    public static partial Regex ChameleonImage { get; }

    [GeneratedRegex(@"[\t\n]|    |  ", Options)]
    public static partial Regex ChameleonSpaces { get; }

    [GeneratedRegex("[" + P + @"!-/:-@\[-`{-~]", Options)]
    public static partial Regex ChameleonMark { get; }

    /// <summary>Whether a code point beyond the first plane is a letter of <see cref="DeepSeekWords"/>.</summary>
    public static bool IsDeepSeekLetter(int codePoint) => codePoint is (>= 0x10400 and <= 0x1044f) or (>= 0x104b0 and <= 0x104d3) or (>= 0x104d8 and <= 0x104fb) or (>= 0x10c80 and <= 0x10cb2) or (>= 0x10cc0 and <= 0x10cf2) or (>= 0x118a0 and <= 0x118df) or (>= 0x1e900 and <= 0x1e943);
}
