using System.Collections.Immutable;
using System.Text.Json;
using Abi.Llm.Chat.Output;
using Microsoft.Extensions.AI;

namespace Abi.Llm.Chat;

/// <summary>A request whose options have all been looked at.</summary>
/// <param name="Messages">The conversation, instructions included.</param>
/// <param name="Generation">What to generate, without what depends on the prompt.</param>
/// <param name="Tools">The tools that may be called.</param>
/// <param name="Variables">Variables of the template.</param>
/// <param name="ShowsReasoning">Whether reasoning is part of the response.</param>
/// <param name="SingleCall">Whether the first call ends the response.</param>
internal sealed record ChatRequest(
    IReadOnlyList<ChatMessage> Messages, GenerationOptions Generation, ImmutableArray<AIFunctionDeclaration> Tools, ImmutableDictionary<string, object?> Variables, bool ShowsReasoning, bool SingleCall)
{
    /// <summary>What the response must be, as a JSON schema; null for anything.</summary>
    public JsonElement? ResponseSchema { get; init; }

    /// <summary>The tool that must be called, or an empty name for any; null when none has to be.</summary>
    public string? RequiredTool { get; init; }

    public ToolTypes ToolTypes { get; } = new(Tools);

    /// <summary>The same without tools.</summary>
    public ChatRequest WithoutTools() => new(Messages, Generation, [], Variables, ShowsReasoning, SingleCall) { ResponseSchema = ResponseSchema };
}
