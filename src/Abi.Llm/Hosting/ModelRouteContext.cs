using Microsoft.Extensions.AI;

namespace Abi.Llm.Hosting;

/// <summary>What a routing rule may look at.</summary>
public sealed record ModelRouteContext
{
    /// <summary>The name that the request gives; null when it gives none.</summary>
    public string? Name { get; init; }

    /// <summary>What the model is wanted for.</summary>
    public ModelPurpose Purpose { get; init; }

    /// <summary>The messages of a chat; empty otherwise.</summary>
    public IReadOnlyList<ChatMessage> Messages { get; init; } = [];

    /// <summary>The options of a chat; null otherwise.</summary>
    public ChatOptions? Options { get; init; }

    /// <summary>The texts to embed; empty otherwise.</summary>
    public IReadOnlyList<string> Texts { get; init; } = [];
}
