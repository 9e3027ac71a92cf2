namespace Abi.Database;

/// <summary>How results of a search by words show why they were found.</summary>
public sealed record HighlightOptions
{
    /// <summary>About how long a snippet is, in UTF-16 code units, from 16; it begins and ends between words.</summary>
    public int SnippetLength { get; init; } = 160;

    /// <summary>The most snippets of a field, from 1: those with the most different words, in the order of the text.</summary>
    public int Snippets { get; init; } = 1;

    internal void Validate()
    {
        if (SnippetLength < 16 || Snippets < 1)
        {
            throw new ArgumentException($"SnippetLength is {SnippetLength} and Snippets {Snippets}; at least 16 and 1 were expected.");
        }
    }
}
