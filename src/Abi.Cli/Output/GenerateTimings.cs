namespace Abi.Cli.Output;

/// <summary>The times of a generation, under the names that llama.cpp's server gives them.</summary>
internal sealed record GenerateTimings
{
    /// <summary>Loading the model.</summary>
    public required double LoadMs { get; init; }

    /// <summary>Prompt tokens computed.</summary>
    public required int PromptN { get; init; }

    /// <summary>From the first step to the first token.</summary>
    public required double PromptMs { get; init; }

    /// <summary>Prompt tokens a second.</summary>
    public required double PromptPerSecond { get; init; }

    /// <summary>Tokens sampled.</summary>
    public required int PredictedN { get; init; }

    /// <summary>From the first token to the last.</summary>
    public required double PredictedMs { get; init; }

    /// <summary>Tokens a second, without the first.</summary>
    public required double PredictedPerSecond { get; init; }

    /// <summary>Tokens guessed; only when some were.</summary>
    public int? DraftN { get; init; }

    /// <summary>Of these, those that were right.</summary>
    public int? DraftNAccepted { get; init; }
}
