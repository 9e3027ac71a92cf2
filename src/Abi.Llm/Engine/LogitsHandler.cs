namespace Abi.Llm.Engine;

/// <summary>Takes the logits of one token.</summary>
/// <param name="position">The token's place in the sequence; the logits are about the token after it.</param>
/// <param name="logits">[vocabulary]; valid during the call only.</param>
public delegate void LogitsHandler(int position, ReadOnlySpan<float> logits);
