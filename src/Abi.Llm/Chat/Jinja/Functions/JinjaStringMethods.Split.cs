namespace Abi.Llm.Chat.Jinja;

/// <summary>The methods that take a string apart.</summary>
internal static partial class JinjaStringMethods
{
    public static List<string> SplitLines(string text, bool keepEnds)
    {
        List<string> lines = [];
        var start = 0;
        for (var i = 0; i < text.Length; i++)
        {
            if (text[i] is '\n' or '\r' or '\v' or '\f' or '\x1c' or '\x1d' or '\x1e' or '\x85' or '\u2028' or '\u2029')
            {
                var end = i + (text[i] == '\r' && i + 1 < text.Length && text[i + 1] == '\n' ? 2 : 1);
                lines.Add(text[start..(keepEnds ? end : i)]);
                start = end;
                i = end - 1;
                JinjaRuntime.CheckParts(lines.Count);
            }
        }

        if (start < text.Length)
        {
            lines.Add(text[start..]);
        }

        return lines;
    }

    private static JinjaList Partition(string text, string separator, bool fromEnd)
    {
        if (separator.Length == 0)
        {
            throw JinjaError.Value("empty separator");
        }

        var at = fromEnd ? JinjaText.LastIndexOf(text, separator) : JinjaText.IndexOf(text, separator);
        return at >= 0 ? new JinjaList([text[..at], separator, text[(at + separator.Length)..]], isTuple: true)
            : new JinjaList(fromEnd ? ["", "", text] : [text, "", ""], isTuple: true);
    }

    private static JinjaList Split(string text, object? separator, long most, bool fromEnd)
    {
        most = most < 0 ? long.MaxValue : most;
        if (separator is null)
        {
            return new JinjaList(fromEnd ? SplitWordsFromEnd(text, most) : SplitWords(text, most));
        }

        if (separator is not string mark)
        {
            throw JinjaError.Type($"must be str or None, not {JinjaOperators.TypeName(separator)}");
        }

        if (mark.Length == 0)
        {
            throw JinjaError.Value("empty separator");
        }

        JinjaRuntime.Search(text, mark);
        List<string> parts = [];
        if (fromEnd)
        {
            var end = text.Length;
            for (int at; parts.Count < most && end >= mark.Length && (at = text.LastIndexOf(mark, end - 1, end, StringComparison.Ordinal)) >= 0; end = at)
            {
                parts.Add(text[(at + mark.Length)..end]);
                JinjaRuntime.CheckParts(parts.Count);
            }

            parts.Add(text[..end]);
            parts.Reverse();
            return new JinjaList(parts);
        }

        var start = 0;
        for (int at; parts.Count < most && (at = text.IndexOf(mark, start, StringComparison.Ordinal)) >= 0; start = at + mark.Length)
        {
            parts.Add(text[start..at]);
            JinjaRuntime.CheckParts(parts.Count);
        }

        parts.Add(text[start..]);
        return new JinjaList(parts);
    }

    /// <summary>Words, at most so many; what is left over keeps its inner white space.</summary>
    private static List<string> SplitWords(string text, long most)
    {
        List<string> words = [];
        var i = SkipSpace(text, 0);
        while (words.Count < most && i < text.Length)
        {
            var start = i;
            while (i < text.Length && !JinjaUnicode.IsSpace(text[i]))
            {
                i++;
            }

            words.Add(text[start..i]);
            JinjaRuntime.CheckParts(words.Count);
            i = SkipSpace(text, i);
        }

        return i < text.Length ? [.. words, text[i..]] : words;
    }

    private static List<string> SplitWordsFromEnd(string text, long most)
    {
        List<string> words = [];
        var end = JinjaUnicode.TrimEnd(text).Length;
        while (words.Count < most && end > 0)
        {
            var start = end;
            while (start > 0 && !JinjaUnicode.IsSpace(text[start - 1]))
            {
                start--;
            }

            words.Add(text[start..end]);
            JinjaRuntime.CheckParts(words.Count);
            for (end = start; end > 0 && JinjaUnicode.IsSpace(text[end - 1]);)
            {
                end--;
            }
        }

        words.Reverse();
        return end > 0 ? [text[..end], .. words] : words;
    }

    private static int SkipSpace(string text, int i)
    {
        while (i < text.Length && JinjaUnicode.IsSpace(text[i]))
        {
            i++;
        }

        return i;
    }
}
