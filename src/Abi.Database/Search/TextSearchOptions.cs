using System.Collections.Immutable;

namespace Abi.Database;

/// <summary>How to search by words.</summary>
public sealed record TextSearchOptions
{
    /// <summary>Which records count; unset, all.</summary>
    public Filter? Filter { get; init; }

    /// <summary>How many of the best to leave out.</summary>
    public int Skip { get; init; }

    /// <summary>Whether results come with their vectors.</summary>
    public bool IncludeVectors { get; init; }

    /// <summary>The text fields to search; empty, all that are full-text indexed.</summary>
    public ImmutableArray<string> Fields { get; init; } = [];

    /// <summary>The constants of the scores.</summary>
    public TextScoring Scoring { get; init; } = TextScoring.Usual;

    /// <summary>How results show why they were found; unset, not at all.</summary>
    public HighlightOptions? Highlight { get; init; }

    /// <summary>Checks the options and how many records are asked for.</summary>
    /// <exception cref="ArgumentException">One is out of its range.</exception>
    public void Validate(int top)
    {
        VectorSearchOptions.CheckTop(top);
        Scoring.Validate();
        Highlight?.Validate();
        if (Skip < 0)
        {
            throw new ArgumentException($"Skip ({Skip}) must not be negative.");
        }
    }
}
