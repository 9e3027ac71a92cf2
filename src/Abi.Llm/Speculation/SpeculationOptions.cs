namespace Abi.Llm;

/// <summary>
/// Speculative decoding: several tokens are guessed, and the model checks them all in one step. The text is the same, bit for bit, as without it, sampled or greedy: every token is
/// chosen from the model's own logits with the same random numbers, and a guess only saves a step when it is what was chosen.
/// </summary>
/// <remarks>Immutable and thread-safe. It pays where the guesses are often right: texts that repeat their prompt, or a draft model that is small and alike.</remarks>
public sealed record SpeculationOptions
{
    /// <summary>The most tokens that are guessed for one step.</summary>
    public int MaximumTokens { get; init; } = 8;

    /// <summary>
    /// A small model with the same vocabulary (ordinary tokens spelt alike, at most 128 more or fewer at the end) that writes the guesses; it must outlive the generation, and while it guesses, others of the engine wait.
    /// When its own queue is full, or it waits for guesses of the model that it is to guess for, there are none. Unset, guesses are what followed the last place in the text where it ended the same way (prompt lookup).
    /// </summary>
    public LanguageModel? DraftModel { get; init; }

    /// <summary>Prompt lookup: the longest ending that is looked for, in tokens; at most 1024.</summary>
    public int LongestMatch { get; init; } = 4;

    /// <summary>Prompt lookup: the shortest ending that is looked for, in tokens.</summary>
    public int ShortestMatch { get; init; } = 2;

    /// <summary>In a text that repeats itself, looking takes as long as the text and the ending together, for every token.</summary>
    private const int LongestEnding = 1024;

    internal void Validate()
    {
        Positive(MaximumTokens, nameof(MaximumTokens));
        Positive(ShortestMatch, nameof(ShortestMatch));
        if (LongestMatch < ShortestMatch || LongestMatch > LongestEnding)
        {
            throw new ArgumentException($"{nameof(LongestMatch)} is {LongestMatch}; it must be at least {nameof(ShortestMatch)} ({ShortestMatch}) and at most {LongestEnding}.");
        }

        static void Positive(int value, string name)
        {
            if (value < 1)
            {
                throw new ArgumentException($"{name} is {value}; it must be 1 or more.");
            }
        }
    }
}
