using System.Collections.Immutable;
using Microsoft.Extensions.AI;

namespace Abi.Llm.Chat;

/// <summary>What a chat template is rendered with besides the messages.</summary>
/// <remarks>Immutable and thread-safe, as far as what it holds is.</remarks>
public sealed record ChatRenderOptions
{
    /// <summary>Whether the beginning of the assistant's next message is added, for the model to go on from.</summary>
    public bool AddGenerationPrompt { get; init; } = true;

    /// <summary>The tools that the model may call.</summary>
    public ImmutableArray<AIFunctionDeclaration> Tools { get; init; } = [];

    /// <summary>
    /// Further variables of the template, such as <c>enable_thinking</c>: text, numbers, booleans, <see cref="System.Text.Json.JsonElement"/>,
    /// <see cref="System.Text.Json.Nodes.JsonNode"/>, or lists and dictionaries of those. They are trusted.
    /// </summary>
    public ImmutableDictionary<string, object?> Variables { get; init; } = ImmutableDictionary<string, object?>.Empty;

    /// <summary>What happens to what the template does not know.</summary>
    public UnsupportedByTemplate Unsupported { get; init; }

    /// <summary>What <c>strftime_now</c> shows; unset, the local time.</summary>
    public DateTimeOffset? Now { get; init; }
}
