namespace Abi.Llm.Tokenizers;

/// <summary>
/// Where PLaMo 3 cuts a text before it spells it: around tags <c>&lt;|plamo:…|&gt;</c>, around four or more of one character (line ends aside) and two or more spaces, and at U+EE00, which is dropped.
/// </summary>
internal static class PlamoSegments
{
    private const int LongestTag = 64; // characters between the colon and the bar
    private const int ShortestRun = 4;
    private const int ShortestRunOfSpaces = 2;
    private const int Boundary = 0xee00; // of the private use area: the tokenizer's own mark

    private static ReadOnlySpan<byte> TagStart => "<|plamo:"u8;

    private static ReadOnlySpan<byte> TagEnd => "|>"u8;

    /// <summary>The segments of a text in UTF-8, in order; none is empty.</summary>
    public static List<(int Start, int Length)> Of(ReadOnlySpan<byte> text)
    {
        var cuts = new bool[text.Length + 1]; // before each byte
        CutAroundTags(text, cuts);
        CutAroundRuns(text, cuts);
        List<(int, int)> segments = [];
        var start = 0;
        for (var at = 0; at < text.Length;)
        {
            var isBoundary = CodePoints.Decode(text[at..], out var length) == Boundary;
            if ((isBoundary || cuts[at]) && start < at)
            {
                segments.Add((start, at - start));
                start = at;
            }

            at += length;
            start = isBoundary ? at : start;
        }

        if (start < text.Length)
        {
            segments.Add((start, text.Length - start));
        }

        return segments;
    }

    private static void CutAroundTags(ReadOnlySpan<byte> text, bool[] cuts)
    {
        for (var start = 0; text[start..].IndexOf(TagStart) is var offset and >= 0;)
        {
            start += offset;
            var end = start + TagStart.Length;
            for (var i = 0; i < LongestTag && end < text.Length && CodePoints.Decode(text[end..], out var length) is var codePoint && !EndsTag(codePoint); i++)
            {
                end += length;
            }

            if (!text[end..].StartsWith(TagEnd))
            {
                start++;
                continue;
            }

            end += TagEnd.Length;
            cuts[start] = cuts[end] = true;
            start = end;
        }
    }

    private static bool EndsTag(int codePoint) => codePoint is '|' or (>= 0x1c and <= 0x1f) || CharacterClasses.IsWhiteSpace(codePoint);

    private static void CutAroundRuns(ReadOnlySpan<byte> text, bool[] cuts)
    {
        for (var start = 0; start < text.Length;)
        {
            var codePoint = CodePoints.Decode(text[start..], out var length);
            var end = start + length;
            // A run does not go on over the end of a tag.
            while (!cuts[end] && text[end..].StartsWith(text.Slice(start, length)))
            {
                end += length;
            }

            var shortest = codePoint switch { '\n' => int.MaxValue, ' ' => ShortestRunOfSpaces, _ => ShortestRun };
            if ((end - start) / length >= shortest)
            {
                cuts[start] = cuts[end] = true;
            }

            start = end;
        }
    }
}
