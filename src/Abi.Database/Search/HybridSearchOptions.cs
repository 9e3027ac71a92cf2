using System.Collections.Immutable;

namespace Abi.Database;

/// <summary>How to search by a vector and words together.</summary>
public sealed record HybridSearchOptions
{
    /// <summary>Which records count; unset, all.</summary>
    public Filter? Filter { get; init; }

    /// <summary>How many of the best to leave out.</summary>
    public int Skip { get; init; }

    /// <summary>Whether results come with their vectors.</summary>
    public bool IncludeVectors { get; init; }

    /// <summary>The vector field to search; may be unset when there is only one.</summary>
    public string? VectorField { get; init; }

    /// <summary>The text fields to search; empty, all that are full-text indexed.</summary>
    public ImmutableArray<string> TextFields { get; init; } = [];

    /// <summary>The constants of the scores by words.</summary>
    public TextScoring TextScoring { get; init; } = TextScoring.Usual;

    /// <summary>How results show which words were found; unset, not at all.</summary>
    public HighlightOptions? Highlight { get; init; }

    /// <summary>How the two lists become one.</summary>
    public HybridFusion Fusion { get; init; } = HybridFusion.ReciprocalRank;

    /// <summary>The constant of <see cref="HybridFusion.ReciprocalRank"/>.</summary>
    public double RankConstant { get; init; } = 60;

    /// <summary>The weight of the list by vector.</summary>
    public double VectorWeight { get; init; } = 1;

    /// <summary>The weight of the list by words.</summary>
    public double TextWeight { get; init; } = 1;

    /// <summary>How long each list is; unset, five times what is asked for, what is left out included, and at least 50. Pages (<see cref="Skip"/>) are of one ranking when all of them set the same.</summary>
    public int? Candidates { get; init; }

    /// <summary>Checks the options and how many records are asked for.</summary>
    /// <returns>How long each list is.</returns>
    /// <exception cref="ArgumentException">One is out of its range.</exception>
    public int Validate(int top)
    {
        VectorSearchOptions.CheckTop(top);
        TextScoring.Validate();
        Highlight?.Validate();
        if (Candidates is < 1 || !IsSound(RankConstant) || !IsSound(VectorWeight) || !IsSound(TextWeight) || Skip < 0)
        {
            throw new ArgumentException("Candidates must be 1 or more; RankConstant and the weights must be finite and, as Skip, not negative.");
        }

        var wanted = VectorSearchOptions.Wanted(top, Skip);
        return Math.Max(Candidates ?? (int)Math.Clamp(5L * wanted, 50, int.MaxValue), wanted);
    }

    private static bool IsSound(double number) => number is >= 0 and < double.PositiveInfinity;
}
