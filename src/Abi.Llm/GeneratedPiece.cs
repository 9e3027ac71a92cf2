using System.Collections.Immutable;

namespace Abi.Llm;

/// <summary>A part of a generation: whole characters, and the tokens that made them. The last piece carries the outcome, and perhaps no text.</summary>
public sealed record GeneratedPiece
{
    /// <summary>The text: whole Unicode characters, never part of a stop string.</summary>
    public string Text { get; init; } = string.Empty;

    /// <summary>The tokens whose text ends in this piece.</summary>
    public ImmutableArray<GeneratedToken> Tokens { get; init; } = [];

    /// <summary>How it ended, on the last piece only.</summary>
    public GenerationOutcome? Outcome { get; init; }

    /// <inheritdoc/>
    public override string ToString() => Text;
}
