using System.Collections.Frozen;
using System.Globalization;

namespace Abi.Database.Text;

/// <summary>
/// Finds sentences, in the manner of Unicode's UAX #29: one ends behind a full stop, question or exclamation mark and the quotes and brackets that close after it, where white space follows; and
/// at a blank line. A full stop ends none before a small letter, after a single capital (an initial) or after a common English title.
/// </summary>
internal static class SentenceBreaker
{
    private static readonly FrozenSet<string> Titles = new[] { "Mr", "Mrs", "Ms", "Dr", "Prof", "St", "Jr", "Sr", "vs", "Fig", "No", "e.g", "i.e", "cf", "ca", "approx" }.ToFrozenSet(StringComparer.Ordinal);

    /// <summary>Where sentences begin and end, without the white space around them.</summary>
    public static List<(int Start, int End)> Sentences(string text)
    {
        List<(int, int)> sentences = [];
        var start = 0;
        for (var at = 0; at < text.Length;)
        {
            if (IsBlankLine(text, at, out var behind))
            {
                Add(sentences, text, start, at);
                start = at = behind;
            }
            else if (IsTerminator(text[at]))
            {
                var mark = at;
                var isStop = true; // nothing but full stops so far
                while (at < text.Length && IsTerminator(text[at]))
                {
                    isStop &= text[at] is '.' or '…';
                    at++;
                }

                var isWide = text[at - 1] is '。' or '！' or '？' or '．' or '｡';
                while (at < text.Length && IsClosing(text[at]))
                {
                    at++;
                }

                if ((isWide || at == text.Length || char.IsWhiteSpace(text[at])) && !(isStop && !isWide && GoesOn(text, start, mark, at)))
                {
                    Add(sentences, text, start, at);
                    start = at;
                }
            }
            else
            {
                at++;
            }
        }

        Add(sentences, text, start, text.Length);
        return sentences;
    }

    private static bool GoesOn(string text, int start, int mark, int at)
    {
        var next = at;
        while (next < text.Length && char.IsWhiteSpace(text[next]))
        {
            next++;
        }

        if (next < text.Length && char.IsLower(text[next]))
        {
            return true;
        }

        var word = mark;
        while (word > start && (char.IsLetter(text[word - 1]) || text[word - 1] == '.'))
        {
            word--;
        }

        return (mark - word == 1 && char.IsUpper(text[word]) && text[word] != 'I') || Titles.Contains(text[word..mark]);
    }

    private static bool IsBlankLine(string text, int at, out int behind)
    {
        behind = at;
        if (text[at] is not ('\n' or '\r' or '\u2029'))
        {
            return false;
        }

        var lines = 0;
        while (behind < text.Length && char.IsWhiteSpace(text[behind]))
        {
            lines += text[behind] switch
            {
                '\u2029' => 2,
                '\n' => 1,
                '\r' when behind + 1 == text.Length || text[behind + 1] != '\n' => 1,
                _ => 0,
            };
            behind++;
        }

        return lines >= 2;
    }

    private static bool IsTerminator(char c) => c is '.' or '!' or '?' or '…' or '‼' or '⁇' or '⁈' or '⁉' or '。' or '！' or '？' or '．' or '｡' or '।' or '॥' or '؟' or '۔' or '։' or '።';

    private static bool IsClosing(char c) => c is '"' or '\'' || char.GetUnicodeCategory(c) is UnicodeCategory.ClosePunctuation or UnicodeCategory.FinalQuotePunctuation;

    private static void Add(List<(int, int)> sentences, string text, int start, int end)
    {
        while (start < end && char.IsWhiteSpace(text[start]))
        {
            start++;
        }

        while (end > start && char.IsWhiteSpace(text[end - 1]))
        {
            end--;
        }

        if (end > start)
        {
            sentences.Add((start, end));
        }
    }
}
