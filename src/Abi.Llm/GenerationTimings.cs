namespace Abi.Llm;

/// <summary>The times of a generation.</summary>
/// <param name="Queue">From the request to the first step it took part in.</param>
/// <param name="Prompt">From there to the first token.</param>
/// <param name="Generation">From the first token to the last.</param>
/// <param name="PromptTokensComputed">The tokens computed during <paramref name="Prompt"/>.</param>
/// <param name="TokensGenerated">The tokens sampled; all but the first during <paramref name="Generation"/>.</param>
public sealed record GenerationTimings(TimeSpan Queue, TimeSpan Prompt, TimeSpan Generation, int PromptTokensComputed, int TokensGenerated)
{
    /// <summary>Prompt tokens a second; 0 when there is nothing to divide.</summary>
    public double PromptTokensPerSecond => Prompt > TimeSpan.Zero ? PromptTokensComputed / Prompt.TotalSeconds : 0;

    /// <summary>Generated tokens a second, without the first one; 0 when there is nothing to divide.</summary>
    public double GeneratedTokensPerSecond => Generation > TimeSpan.Zero && TokensGenerated > 1 ? (TokensGenerated - 1) / Generation.TotalSeconds : 0;

    /// <summary>From the request to the first token.</summary>
    public TimeSpan TimeToFirstToken => Queue + Prompt;
}
