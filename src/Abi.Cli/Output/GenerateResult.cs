using System.Collections.Immutable;

namespace Abi.Cli.Output;

/// <summary>A generation.</summary>
internal sealed record GenerateResult
{
    /// <summary>The text, without the prompt.</summary>
    public required string Text { get; init; }

    /// <summary>The tokens of the text.</summary>
    public required int[] Ids { get; init; }

    /// <summary>ln p of each token under the model, before samplers.</summary>
    public required float[] Logprobs { get; init; }

    /// <summary>For each token, the most likely ones of its step; only when asked for.</summary>
    public ImmutableArray<ImmutableArray<TokenScore>>? TopLogprobs { get; init; }

    /// <summary>The prompt's tokens.</summary>
    public required int[] PromptIds { get; init; }

    /// <summary>stop_token, stop_string, length, context_full or cancelled.</summary>
    public required string FinishReason { get; init; }

    /// <summary>The token that ended it; not part of <see cref="Ids"/>.</summary>
    public int? StopTokenId { get; init; }

    /// <summary>The stop string that ended it; not part of <see cref="Text"/>.</summary>
    public string? StopString { get; init; }

    /// <summary>The seed in use.</summary>
    public required long Seed { get; init; }

    /// <summary>Times.</summary>
    public required GenerateTimings Timings { get; init; }
}
