namespace Abi.Llm.Tokenizers;

/// <summary>Patterns whose look-ahead or failed matches would take quadratic time, as scanners of one pass.</summary>
internal static class PreTokenizerScans
{
    /// <summary><c>\s+$</c></summary>
    public static void SpacesAtEnd(ReadOnlySpan<char> text, List<int> lengths)
    {
        var start = text.Length;
        while (start > 0 && text[start - 1] is ' ' or (>= '\t' and <= '\r'))
        {
            start--;
        }

        var previous = 0;
        CutAt(start, ref previous, lengths);
        CutAt(text.Length, ref previous, lengths);
    }

    /// <summary><c>(?=(\d{3})+(?!\d))</c>: cuts before groups of three from the right.</summary>
    public static void DigitGroups(ReadOnlySpan<char> text, List<int> lengths)
    {
        var previous = 0;
        for (var run = 0; FindRun(text, ref run, orNumber: false, out var end); run = end)
        {
            for (var cut = run + ((end - run) % 3); cut < end; cut += 3)
            {
                CutAt(cut, ref previous, lengths);
            }
        }

        CutAt(text.Length, ref previous, lengths);
    }

    /// <summary>Numbers of any script in groups of three from the right; text before a run stays with its first group.</summary>
    public static void NumberGroups(ReadOnlySpan<char> text, List<int> lengths)
    {
        var previous = 0;
        for (var run = 0; FindRun(text, ref run, orNumber: true, out var end); run = end)
        {
            for (var cut = run + ((end - run) % 3 is var rest && rest > 0 ? rest : 3); cut <= end; cut += 3)
            {
                CutAt(cut, ref previous, lengths);
            }
        }

        CutAt(text.Length, ref previous, lengths);
    }

    private static bool FindRun(ReadOnlySpan<char> text, ref int start, bool orNumber, out int end)
    {
        while (start < text.Length && !IsDigit(text[start], orNumber))
        {
            start++;
        }

        end = start;
        while (end < text.Length && IsDigit(text[end], orNumber))
        {
            end++;
        }

        return end > start;
    }

    private static bool IsDigit(char c, bool orNumber) => char.IsAsciiDigit(c) || (orNumber && c == CharacterClasses.Number);

    private static void CutAt(int position, ref int previous, List<int> lengths)
    {
        if (position > previous)
        {
            lengths.Add(position - previous);
            previous = position;
        }
    }
}
