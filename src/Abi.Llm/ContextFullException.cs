namespace Abi.Llm;

/// <summary>A sequence does not fit into the context. Tokens generated before stay valid.</summary>
public sealed class ContextFullException : AbiException
{
    internal ContextFullException(int tokens, int contextLength)
        : base($"The sequence has {tokens} tokens, the context holds {contextLength}. Load the model with a larger ContextLength (its own limit permitting), shorten the prompt, or choose ContextFullPolicy.Truncate or Shift.")
    {
        TokenCount = tokens;
        ContextLength = contextLength;
    }

    /// <summary>The tokens that the sequence would have.</summary>
    public int TokenCount { get; }

    /// <summary>The tokens that the context holds.</summary>
    public int ContextLength { get; }
}
