using System.Collections.Immutable;

namespace Abi.Database;

/// <summary>The constants of BM25.</summary>
public sealed record TextScoring
{
    /// <summary>k1: how fast further occurrences of a word count less. 0 or more.</summary>
    public double K1 { get; init; } = 1.2;

    /// <summary>b: how much long texts count less, from 0 (not at all) to 1 (by their length).</summary>
    public double B { get; init; } = 0.75;

    /// <summary>Boosts of fields in place of those of their definitions; greater than 0.</summary>
    public ImmutableDictionary<string, double> Boosts { get; init; } = ImmutableDictionary<string, double>.Empty;

    internal static TextScoring Usual { get; } = new();

    internal void Validate()
    {
        if (!(K1 >= 0 && double.IsFinite(K1)) || !(B is >= 0 and <= 1) || Boosts.Any(boost => !(boost.Value > 0 && double.IsFinite(boost.Value))))
        {
            throw new ArgumentException($"K1 is {K1} and B {B}; 0 or more, from 0 to 1, and boosts greater than 0 were expected.");
        }
    }
}
