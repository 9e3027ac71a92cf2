namespace Abi.Llm;

/// <summary>A sequence does not fit into the context. Tokens generated before stay valid.</summary>
public sealed class ContextFullException : AbiException
{
    /// <param name="tokens">The tokens that the sequence would have.</param>
    /// <param name="contextLength">The tokens that the context holds.</param>
    /// <param name="remedy">What else can be done than to load the model with a larger context.</param>
    internal ContextFullException(int tokens, int contextLength, string remedy = "shorten the prompt, set MaximumTokens, or choose ContextFullPolicy.Truncate or Shift")
        : base($"The sequence has {tokens} tokens, the context holds {contextLength}. Load the model with a larger ContextLength (EngineOptions, or the option of AddLlm; its own limit permitting), {remedy}.")
    {
        TokenCount = tokens;
        ContextLength = contextLength;
    }

    /// <summary>The tokens that the sequence would have.</summary>
    public int TokenCount { get; }

    /// <summary>The tokens that the context holds.</summary>
    public int ContextLength { get; }
}
