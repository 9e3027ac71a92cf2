using System.Collections;
using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.Extensions.AI;

namespace Abi.Llm.Chat;

/// <summary>Values of messages and options as JSON, in the shapes that chat templates read.</summary>
internal static class ChatJson
{
    private const int MaximumDepth = 64;

    private static readonly Jinja.JinjaTemplate Writer = Jinja.JinjaTemplate.Parse("{{ value | tojson }}");

    /// <summary>A value as JSON: JSON as it is, primitives, lists and dictionaries; anything else by the serializer that Microsoft.Extensions.AI configures.</summary>
    public static JsonNode? Node(object? value, int depth = 0)
    {
        if (depth > MaximumDepth)
        {
            throw new ChatTemplateException($"A value of the conversation is nested deeper than {MaximumDepth}.");
        }

        return value switch
        {
            null => null,
            JsonNode node => node.DeepClone(),
            JsonElement element => Node(element),
            JsonDocument document => Node(document.RootElement),
            string text => JsonValue.Create(text),
            bool flag => JsonValue.Create(flag),
            int number => JsonValue.Create(number),
            long number => JsonValue.Create(number),
            float number => JsonValue.Create(number),
            double number => JsonValue.Create(number),
            decimal number => JsonValue.Create(number),
            IEnumerable<KeyValuePair<string, object?>> pairs => new JsonObject(pairs.Select(pair => KeyValuePair.Create(pair.Key, Node(pair.Value, depth + 1)))),
            IDictionary pairs => new JsonObject(pairs.Keys.Cast<object>().Select(key => KeyValuePair.Create(Convert.ToString(key, CultureInfo.InvariantCulture)!, Node(pairs[key], depth + 1)))),
            IEnumerable list and not (IEnumerable<char> or IEnumerable<byte>) => new JsonArray([.. list.Cast<object?>().Select(item => Node(item, depth + 1))]),
            _ => JsonSerializer.SerializeToNode(value, AIJsonUtilities.DefaultOptions.GetTypeInfo(value.GetType())),
        };
    }

    /// <summary>JSON text as chat templates write it: separators ", " and ": ", nothing but quotes, backslashes and control characters escaped.</summary>
    public static string Write(JsonNode? node) => Writer.Render(Element(new JsonObject { ["value"] = node?.DeepClone() }), DateTimeOffset.UnixEpoch);

    public static JsonElement Element(JsonNode node)
    {
        using var document = JsonDocument.Parse(node.ToJsonString(JsonSerializerOptions), new JsonDocumentOptions { MaxDepth = MaximumDepth * 4 });
        return document.RootElement.Clone();
    }

    /// <summary>The result of a tool as text: text as it is, anything else as JSON.</summary>
    public static string Text(object? result) => result switch
    {
        null => string.Empty,
        string text => text,
        TextContent content => content.Text,
        AIContent content => Refuse(content),
        IEnumerable<AIContent> contents => string.Concat(contents.Select(content => content is TextContent text ? text.Text : Refuse(content))),
        _ => Node(result) switch
        {
            JsonValue value when value.GetValueKind() == JsonValueKind.String => value.GetValue<string>(),
            var node => Write(node),
        },
    };

    private static string Refuse(AIContent content) => throw ChatOptionException.Content(content);

    private static JsonSerializerOptions JsonSerializerOptions { get; } = new(AIJsonUtilities.DefaultOptions) { WriteIndented = false, MaxDepth = MaximumDepth * 4 };

    private static JsonNode? Node(JsonElement element) => element.ValueKind switch
    {
        JsonValueKind.Null or JsonValueKind.Undefined => null,
        JsonValueKind.Object => JsonObject.Create(element),
        JsonValueKind.Array => JsonArray.Create(element),
        _ => JsonValue.Create(element),
    };
}
