using Abi.Compute.Tensors;

namespace Abi.Compute.Graphs;

/// <summary>How experts are picked and weighed.</summary>
public sealed record RouteSettings
{
    /// <summary>How many experts there are.</summary>
    public required int Experts { get; init; }

    /// <summary>How many a token uses.</summary>
    public required int Used { get; init; }

    /// <summary>How logits become scores.</summary>
    public RouteScore Score { get; init; } = RouteScore.Softmax;

    /// <summary>Added to the scores for picking only, not to the weights (DeepSeek V3), [experts], or null.</summary>
    public WeightTensor? SelectionBias { get; init; }

    /// <summary>How many groups the experts form; picking is first of groups when above 1.</summary>
    public int Groups { get; init; } = 1;

    /// <summary>How many groups are picked, by the sum of their two best scores.</summary>
    public int GroupsUsed { get; init; } = 1;

    /// <summary>How many neighbouring experts stand for one: a pick counts as that of its chunk, with the score that has the chunk's number (GroveMoE).</summary>
    public int ExpertsPerChunk { get; init; } = 1;

    /// <summary>Divides the chosen weights by their sum.</summary>
    public bool Normalize { get; init; }

    /// <summary>The least sum that the weights are divided by.</summary>
    public float NormalizeFloor { get; init; } = 6.103515625e-5f;

    /// <summary>What the weights are multiplied by at the end.</summary>
    public float Scale { get; init; } = 1;
}
