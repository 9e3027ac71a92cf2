namespace Abi.Llm;

/// <summary>How a generation ended and what it took.</summary>
public sealed record GenerationOutcome
{
    /// <summary>Why it ended.</summary>
    public required FinishReason FinishReason { get; init; }

    /// <summary>The token that ended it, when one did; it is not part of the text.</summary>
    public int? StopTokenId { get; init; }

    /// <summary>The stop string that ended it, when one did.</summary>
    public string? StopString { get; init; }

    /// <summary>With a grammar: whether the text is a whole one of it, and not one that was cut off by a cancellation or a stop string. Without: null.</summary>
    public bool? IsGrammarComplete { get; init; }

    /// <summary>The seed in use: given to another generation with the same input it gives the same output.</summary>
    public required long Seed { get; init; }

    /// <summary>Tokens in and out.</summary>
    public required GenerationUsage Usage { get; init; }

    /// <summary>Tokens that were guessed, with speculation.</summary>
    public int DraftedTokens { get; init; }

    /// <summary>Of the guesses, those that were right.</summary>
    public int AcceptedTokens { get; init; }

    /// <summary>Times.</summary>
    public required GenerationTimings Timings { get; init; }
}
