namespace Abi.Database;

/// <summary>How a text is cut into parts.</summary>
/// <remarks>Immutable and thread-safe, as far as <see cref="CountTokens"/> is.</remarks>
public sealed record TextChunkerOptions
{
    /// <summary>The most tokens of a part, from 1. A part has more only where a single character has.</summary>
    public int MaximumTokens { get; init; } = 256;

    /// <summary>The most tokens that a part repeats of the end of the one before it: whole sentences, as many as fit. Less than <see cref="MaximumTokens"/>.</summary>
    public int OverlapTokens { get; init; } = 32;

    /// <summary>Counts the tokens of a text: best by the model that embeds it (<c>text => model.Tokenizer.Encode(text).Length</c>). Unset, words are counted.</summary>
    public Func<string, int>? CountTokens { get; init; }

    internal void Validate()
    {
        if (MaximumTokens < 1 || OverlapTokens < 0 || OverlapTokens >= MaximumTokens)
        {
            throw new ArgumentException($"MaximumTokens is {MaximumTokens} and OverlapTokens {OverlapTokens}; at least 1, and from 0 to less than that, were expected.");
        }
    }
}
