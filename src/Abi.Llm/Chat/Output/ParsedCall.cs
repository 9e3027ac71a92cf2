namespace Abi.Llm.Chat.Output;

/// <summary>A call as the model wrote it.</summary>
/// <param name="Name">The tool.</param>
/// <param name="Arguments">Its arguments; values are <see cref="System.Text.Json.JsonElement"/>.</param>
/// <param name="Id">The id that the model gave it, if it did.</param>
internal sealed record ParsedCall(string Name, Dictionary<string, object?> Arguments, string? Id = null);
