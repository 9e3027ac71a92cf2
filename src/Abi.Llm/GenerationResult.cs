using System.Collections.Immutable;
using System.Text;

namespace Abi.Llm;

/// <summary>A whole generation.</summary>
/// <param name="Text">The text.</param>
/// <param name="Tokens">The tokens of the text.</param>
/// <param name="Outcome">How it ended.</param>
public sealed record GenerationResult(string Text, ImmutableArray<GeneratedToken> Tokens, GenerationOutcome Outcome)
{
    /// <inheritdoc/>
    public override string ToString() => Text;

    /// <summary>Reads a generation to its end.</summary>
    internal static async Task<GenerationResult> ReadAsync(IAsyncEnumerable<GeneratedPiece> pieces)
    {
        var text = new StringBuilder();
        var tokens = ImmutableArray.CreateBuilder<GeneratedToken>();
        GenerationOutcome? outcome = null;
        await foreach (var piece in pieces.ConfigureAwait(false))
        {
            text.Append(piece.Text);
            tokens.AddRange(piece.Tokens);
            outcome = piece.Outcome;
        }

        return new GenerationResult(text.ToString(), tokens.ToImmutable(), outcome!);
    }
}
