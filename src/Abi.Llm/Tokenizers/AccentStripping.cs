using System.Globalization;
using System.Text;

namespace Abi.Llm.Tokenizers;

/// <summary>
/// Takes accents off: decomposes a character canonically (Unicode, NFD) and drops the nonspacing marks. It carries its own table, so it does not depend on the machine's Unicode library.
/// </summary>
internal static partial class AccentStripping
{
    private const int HangulFirst = 0xac00;
    private const int HangulVowels = 21;
    private const int HangulTails = 28;

    private static readonly Lazy<Dictionary<int, int[]>> Table = new(Parse);

    /// <summary>What is left of a character, at most 4 code points; 0 for a mark.</summary>
    /// <returns>The number of code points written.</returns>
    public static int Strip(int codePoint, Span<int> target)
    {
        target[0] = codePoint;
        if (codePoint < 0x80)
        {
            return 1;
        }

        if (codePoint - HangulFirst is var syllable and >= 0 and < 19 * HangulVowels * HangulTails)
        {
            target[0] = 0x1100 + (syllable / (HangulVowels * HangulTails));
            target[1] = 0x1161 + (syllable / HangulTails % HangulVowels);
            target[2] = 0x11a7 + (syllable % HangulTails);
            return target[2] == 0x11a7 ? 2 : 3;
        }

        // The Greek question mark is the one whose rest would part the table's runs.
        if (codePoint == 0x37e)
        {
            target[0] = ';';
            return 1;
        }

        if (Table.Value.TryGetValue(codePoint, out var left))
        {
            left.CopyTo(target);
            return left.Length;
        }

        return CharUnicodeInfo.GetUnicodeCategory(codePoint) == UnicodeCategory.NonSpacingMark ? 0 : 1;
    }

    private static Dictionary<int, int[]> Parse()
    {
        var table = new Dictionary<int, int[]>();
        foreach (var run in Runs.Split(';', StringSplitOptions.RemoveEmptyEntries))
        {
            var separator = run.IndexOf('=', StringComparison.Ordinal);
            var source = char.ConvertToUtf32(run, 0);
            foreach (var left in run[(separator + 1)..].Split(','))
            {
                table.Add(source++, [.. left.EnumerateRunes().Select(rune => rune.Value)]);
            }
        }

        return table;
    }
}
