using System.Collections.Immutable;

namespace Abi.Llm;

/// <summary>A whole generation.</summary>
/// <param name="Text">The text.</param>
/// <param name="Tokens">The tokens of the text.</param>
/// <param name="Outcome">How it ended.</param>
public sealed record GenerationResult(string Text, ImmutableArray<GeneratedToken> Tokens, GenerationOutcome Outcome);
