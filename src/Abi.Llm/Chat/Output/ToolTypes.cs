using System.Text.Json;
using Microsoft.Extensions.AI;

namespace Abi.Llm.Chat.Output;

/// <summary>The tools of a request: their names, and the types of their parameters for formats that write values as plain text.</summary>
/// <remarks>Immutable and thread-safe.</remarks>
internal sealed class ToolTypes(IEnumerable<AIFunctionDeclaration> tools)
{
    private readonly Dictionary<string, AIFunctionDeclaration> _tools = tools.GroupBy(tool => tool.Name, StringComparer.Ordinal).ToDictionary(group => group.Key, group => group.First(), StringComparer.Ordinal);

    public bool IsEmpty => _tools.Count == 0;

    public bool Has(string name) => _tools.ContainsKey(name);

    /// <summary>A value that was written as text: text where the schema says so, else JSON if it is JSON, else text.</summary>
    public object? Value(string tool, string parameter, string text)
    {
        if (_tools.TryGetValue(tool, out var declaration)
            && declaration.JsonSchema.ValueKind == JsonValueKind.Object
            && declaration.JsonSchema.TryGetProperty("properties", out var properties) && properties.ValueKind == JsonValueKind.Object
            && properties.TryGetProperty(parameter, out var schema) && schema.ValueKind == JsonValueKind.Object
            && schema.TryGetProperty("type", out var type) && type.ValueKind == JsonValueKind.String && type.ValueEquals("string"))
        {
            return Text(text);
        }

        try
        {
            using var document = JsonDocument.Parse(ChatJson.Sound(text));
            return document.RootElement.Clone();
        }
        catch (JsonException)
        {
            return Text(text);
        }
    }

    /// <summary>Text as a JSON value, like every other argument.</summary>
    public static JsonElement Text(string text)
    {
        using var document = JsonDocument.Parse(System.Text.Json.Nodes.JsonValue.Create(text).ToJsonString(AIJsonUtilities.DefaultOptions));
        return document.RootElement.Clone();
    }
}
