using System.Collections.Immutable;
using Abi.Llm.Engine;
using Abi.Llm.Grammars;

namespace Abi.Llm;

/// <summary>How wide and how long a beam search looks.</summary>
/// <remarks>Immutable and thread-safe.</remarks>
public sealed record BeamSearchOptions
{
    /// <summary>How many beginnings are kept at every token, and how many texts are given at most. 1 is greedy decoding. As there, tokens that the model's file suppresses never come.</summary>
    public int Width { get; init; } = 4;

    /// <summary>
    /// The most tokens of a text. An engine's own limits hold as well: <see cref="EngineOptions.TokenLimit"/>, and <see cref="EngineOptions.TimeLimit"/>, at which the search ends with the
    /// beginnings that there are, marked <see cref="FinishReason.TimeLimit"/>.
    /// </summary>
    public int MaximumTokens { get; init; } = 64;

    /// <summary>
    /// Texts are compared by the sum of their log-probabilities divided by their length to this power: 0 compares sums, which favours short texts; 1 compares means.
    /// </summary>
    public double LengthPenalty { get; init; } = 1;

    /// <summary>
    /// What every text must be; unset, anything. Each beginning is followed in the grammar on its own, and only what can still become a text of it within <see cref="MaximumTokens"/> is
    /// kept: all texts that are found are whole ones, unless time ran out. Log-probabilities stay those of the model over all tokens; where nothing may follow, the end costs nothing.
    /// </summary>
    public Grammar? Grammar { get; init; }

    /// <summary>Adapters that change the model for this search, in order; none when empty.</summary>
    public ImmutableArray<AdapterUse> Adapters { get; init; } = [];

    /// <summary>Throws when an option is out of its range.</summary>
    /// <exception cref="ArgumentException">The option is named.</exception>
    public void Validate()
    {
        if (Width is < 1 or > 1024)
        {
            throw new ArgumentException($"{nameof(Width)} is {Width}; it must be 1 to 1024.");
        }

        if (MaximumTokens < 1)
        {
            throw new ArgumentException($"{nameof(MaximumTokens)} is {MaximumTokens}; it must be 1 or more.");
        }

        if (!double.IsFinite(LengthPenalty) || LengthPenalty < 0)
        {
            throw new ArgumentException($"{nameof(LengthPenalty)} is {LengthPenalty}; it must be 0 or more.");
        }
    }
}
