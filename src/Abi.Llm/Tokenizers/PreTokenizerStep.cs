using System.Text.RegularExpressions;

namespace Abi.Llm.Tokenizers;

/// <summary>One pattern of a pre-tokenizer: a compiled one, or a scanner where a pattern would not be linear.</summary>
/// <param name="Pattern">The pattern, if it is one.</param>
/// <param name="Literal">Whether it sees the characters themselves; otherwise their classes.</param>
/// <param name="Scan">The scanner, if it is one.</param>
internal sealed record PreTokenizerStep(Regex? Pattern, bool Literal, PreTokenizerScan? Scan)
{
    /// <summary>Cuts a piece.</summary>
    /// <param name="text">The piece.</param>
    /// <param name="lengths">Receives the lengths of its pieces.</param>
    public void Cut(ReadOnlySpan<char> text, List<int> lengths)
    {
        if (Scan is not null)
        {
            Scan(text, lengths);
            return;
        }

        var position = 0;
        foreach (var match in Pattern!.EnumerateMatches(text))
        {
            if (match.Index > position)
            {
                lengths.Add(match.Index - position);
            }

            lengths.Add(match.Length);
            position = match.Index + match.Length;
        }

        if (position < text.Length)
        {
            lengths.Add(text.Length - position);
        }
    }
}
