namespace Abi.Llm;

/// <summary>The tokens of a generation.</summary>
/// <param name="PromptTokens">Tokens given, an encoder's included.</param>
/// <param name="CachedTokens">Of the sequence's tokens, those that were already computed when the request began.</param>
/// <param name="GeneratedTokens">Tokens sampled, a stop token included.</param>
public sealed record GenerationUsage(int PromptTokens, int CachedTokens, int GeneratedTokens)
{
    /// <summary>Prompt and generated tokens together.</summary>
    public int TotalTokens => PromptTokens + GeneratedTokens;
}
