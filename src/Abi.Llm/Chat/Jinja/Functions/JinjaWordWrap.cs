namespace Abi.Llm.Chat.Jinja;

/// <summary>The filter <c>wordwrap</c>: fills lines with words, as Python's <c>textwrap</c> does; words may break behind their hyphens, and long ones anywhere.</summary>
internal static class JinjaWordWrap
{
    public static object Wrap(object? value, JinjaArguments arguments)
    {
        var width = arguments.Integer(0, 79);
        var (breaksLongWords, breaksOnHyphens) = (arguments.Flag(1, true), arguments.Flag(3, true));
        var newline = arguments.Get(2, null) is null ? "\n" : arguments.RequireText(2);
        var text = JinjaMarkup.Unwrap(value) as string
            ?? throw (value is JinjaUndefined undefined ? undefined.Error() : JinjaError.Other($"AttributeError: '{JinjaOperators.TypeName(value)}' object has no attribute 'splitlines'"));
        var lines = new List<string>();
        string Joined(List<string> parts)
        {
            arguments.Runtime.CheckCharacters(parts.Sum(part => (long)part.Length) + ((long)newline.Length * parts.Count));
            return string.Join(newline, parts);
        }

        foreach (var line in JinjaStringMethods.SplitLines(text, keepEnds: false))
        {
            arguments.Runtime.Charge(line.Length / 16);
            var characters = JinjaText.Characters(line);
            lines.Add(Joined(Fill(characters, Chunks(characters, breaksOnHyphens), width, breaksLongWords, breaksOnHyphens)));
        }

        return Joined(lines);
    }

    private static List<string> Fill(List<string> text, List<(int Start, int End)> chunks, long width, bool breaksLongWords, bool breaksOnHyphens)
    {
        if (width <= 0)
        {
            throw JinjaError.Value($"invalid width {width} (must be > 0)");
        }

        List<string> lines = [];
        for (var next = 0; next < chunks.Count;)
        {
            // White space begins no line but the first, and ends none.
            if (lines.Count > 0 && IsBlank(text, chunks[next]))
            {
                next++;
            }

            List<(int Start, int End)> line = [];
            long length = 0;
            for (; next < chunks.Count && length + Length(chunks[next]) <= width; next++)
            {
                line.Add(chunks[next]);
                length += Length(chunks[next]);
            }

            if (next < chunks.Count && Length(chunks[next]) > width)
            {
                if (breaksLongWords)
                {
                    var (start, end) = chunks[next];
                    var cut = Cut(text, start, (int)(width - length), breaksOnHyphens);
                    line.Add((start, cut));
                    chunks[next] = (cut, end);
                }
                else if (line.Count == 0)
                {
                    line.Add(chunks[next++]);
                }
            }

            if (line.Count > 0 && IsBlank(text, line[^1]))
            {
                line.RemoveAt(line.Count - 1);
            }

            if (line.Count > 0)
            {
                lines.Add(string.Concat(text[line[0].Start..line[^1].End]));
            }
        }

        return lines;
    }

    /// <summary>Where a word too long for a line is cut: behind the last hyphen that fits, else where the room ends.</summary>
    private static int Cut(List<string> text, int start, int room, bool breaksOnHyphens)
    {
        var hyphen = breaksOnHyphens && room > 0 ? text.LastIndexOf("-", start + room - 1, room) : -1;
        return hyphen > start && text.FindIndex(start, hyphen - start, c => c != "-") >= 0 ? hyphen + 1 : start + room;
    }

    private static int Length((int Start, int End) chunk) => chunk.End - chunk.Start;

    private static bool IsBlank(List<string> text, (int Start, int End) chunk) => text.FindIndex(chunk.Start, Length(chunk), c => !JinjaUnicode.IsSpace(c[0])) < 0;

    /// <summary>The pieces that a line may end behind: white space, words, parts of hyphenated words, dashes between words.</summary>
    private static List<(int Start, int End)> Chunks(List<string> text, bool breaksOnHyphens)
    {
        List<(int Start, int End)> chunks = [];
        for (var start = 0; start < text.Count;)
        {
            var end = start;
            if (IsBreak(text[start]))
            {
                while (end < text.Count && IsBreak(text[end]))
                {
                    end++;
                }
            }
            else if (breaksOnHyphens && start > 0 && IsWordOrMark(text[start - 1]) && Dash(text, start) is var dash and > 0)
            {
                end = dash;
            }
            else
            {
                end = WordEnd(text, start, breaksOnHyphens);
            }

            chunks.Add((start, end));
            start = end;
        }

        return chunks;
    }

    private static int WordEnd(List<string> text, int start, bool breaksOnHyphens)
    {
        for (var i = start + 1; ; i++)
        {
            if (i == text.Count || IsBreak(text[i]))
            {
                return i;
            }

            if (!breaksOnHyphens || text[i] != "-")
            {
                continue;
            }

            var isHyphen = i >= 1 && Letter(text, i - 1) && (Letter(text, i - 2) || (i >= 3 && text[i - 2] == "-" && Letter(text, i - 3)))
                && Letter(text, i + 1) && (Letter(text, i + 2) || (i + 2 < text.Count && text[i + 2] == "-" && Letter(text, i + 3)));
            if (isHyphen)
            {
                return i + 1;
            }

            if (IsWordOrMark(text[i - 1]) && Dash(text, i) > 0)
            {
                return i;
            }
        }
    }

    /// <summary>The end of two or more hyphens that a word follows, else 0.</summary>
    private static int Dash(List<string> text, int start)
    {
        var end = start;
        while (end < text.Count && text[end] == "-")
        {
            end++;
        }

        return end - start >= 2 && end < text.Count && JinjaUnicode.IsWord(text[end]) ? end : 0;
    }

    private static bool IsBreak(string character) => character is "\t" or "\n" or "\v" or "\f" or "\r" or " ";

    private static bool IsWordOrMark(string character) => JinjaUnicode.IsWord(character) || character is "!" or "\"" or "'" or "&" or "." or "," or "?";

    private static bool Letter(List<string> text, int i) => i >= 0 && i < text.Count && JinjaUnicode.IsWord(text[i]) && !JinjaUnicode.IsDecimal(text[i]);
}
