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

    /// <summary>Whether a tool declares a parameter.</summary>
    public bool Has(string tool, string parameter) => TryGetSchema(tool, parameter, out _);

    /// <summary>A value that was written as text: JSON if it is JSON of a type that the schema names besides text, or of any type where it names no text; else text.</summary>
    public object? Value(string tool, string parameter, string text)
    {
        string?[] types = [.. Types(tool, parameter)];
        if (types is ["string"])
        {
            return Text(text);
        }

        // templates that show values as plain text show these in Python's words, and models learn them
        var json = text switch
        {
            "True" or "False" when types.Contains("boolean") => text.ToLowerInvariant(),
            "None" when types.Contains("null") && !types.Contains("string") => "null",
            _ => text,
        };
        try
        {
            using var document = ChatJson.Parse(json);
            if (!types.Contains("string") || types.Any(type => IsOf(document.RootElement, type)))
            {
                return document.RootElement.Clone();
            }
        }
        catch (JsonException)
        {
            // not JSON, so text
        }

        return Text(text);
    }

    /// <summary>The types that a parameter may have; null stands for any.</summary>
    private IEnumerable<string?> Types(string tool, string parameter) => TryGetSchema(tool, parameter, out var schema) ? Types(schema) : [null];

    private bool TryGetSchema(string tool, string parameter, out JsonElement schema)
    {
        schema = default;
        return _tools.TryGetValue(tool, out var declaration)
            && declaration.JsonSchema.ValueKind == JsonValueKind.Object
            && declaration.JsonSchema.TryGetProperty("properties", out var properties) && properties.ValueKind == JsonValueKind.Object
            && properties.TryGetProperty(parameter, out schema);
    }

    private static IEnumerable<string?> Types(JsonElement schema)
    {
        if (schema.ValueKind != JsonValueKind.Object)
        {
            return [null];
        }

        if ((schema.TryGetProperty("anyOf", out var choices) || schema.TryGetProperty("oneOf", out choices)) && choices.ValueKind == JsonValueKind.Array)
        {
            return choices.EnumerateArray().SelectMany(Types);
        }

        return !schema.TryGetProperty("type", out var type) ? [null]
            : type.ValueKind == JsonValueKind.Array ? type.EnumerateArray().Select(Name)
            : [Name(type)];

        static string? Name(JsonElement type) => type.ValueKind == JsonValueKind.String ? type.GetString() : null;
    }

    /// <summary>Whether JSON that is not in quotes is of a type; what is in quotes is text with quotes.</summary>
    private static bool IsOf(JsonElement value, string? type) => type switch
    {
        "null" => value.ValueKind == JsonValueKind.Null,
        "boolean" => value.ValueKind is JsonValueKind.True or JsonValueKind.False,
        "integer" => value.ValueKind == JsonValueKind.Number && value.TryGetDecimal(out var number) && number == decimal.Truncate(number),
        "number" => value.ValueKind == JsonValueKind.Number,
        "object" => value.ValueKind == JsonValueKind.Object,
        "array" => value.ValueKind == JsonValueKind.Array,
        "string" => false,
        _ => value.ValueKind != JsonValueKind.String,
    };

    /// <summary>Text as a JSON value, like every other argument.</summary>
    public static JsonElement Text(string text)
    {
        using var document = JsonDocument.Parse(System.Text.Json.Nodes.JsonValue.Create(text).ToJsonString(AIJsonUtilities.DefaultOptions));
        return document.RootElement.Clone();
    }
}
