using System.Collections;
using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
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
        CheckDepth(depth);
        return value switch
        {
            null => null,
            JsonNode node => OfElement(Element(node)),
            JsonElement element => OfElement(element),
            JsonDocument document => OfElement(document.RootElement),
            string text => JsonValue.Create(text),
            bool flag => JsonValue.Create(flag),
            int number => JsonValue.Create(number),
            long number => JsonValue.Create(number),
            float number => float.IsFinite(number) ? JsonValue.Create(number) : JsonValue.Create(number.ToString(CultureInfo.InvariantCulture)),
            double number => double.IsFinite(number) ? JsonValue.Create(number) : JsonValue.Create(number.ToString(CultureInfo.InvariantCulture)),
            decimal number => JsonValue.Create(number),
            IEnumerable<KeyValuePair<string, object?>> pairs => new JsonObject(pairs.Select(pair => KeyValuePair.Create(pair.Key, Node(pair.Value, depth + 1)))),
            IDictionary pairs => new JsonObject(pairs.Keys.Cast<object>().Select(key => KeyValuePair.Create(Convert.ToString(key, CultureInfo.InvariantCulture)!, Node(pairs[key], depth + 1)))),
            IEnumerable list and not (IEnumerable<char> or IEnumerable<byte>) => new JsonArray([.. list.Cast<object?>().Select(item => Node(item, depth + 1))]),
            _ => Serialized(value),
        };
    }

    /// <summary>Whatever a type's own serialization refuses with, the caller is told what could not be written.</summary>
    private static JsonNode? Serialized(object value)
    {
        try
        {
            return JsonSerializer.SerializeToNode(value, JsonSerializerOptions.GetTypeInfo(value.GetType()));
        }
        catch (Exception exception)
        {
            throw new ChatTemplateException($"A {value.GetType().Name} of the conversation cannot be written as JSON: {exception.Message} Give a value that can, such as a text.", exception);
        }
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

    /// <remarks>Numbers that JSON has no words for are written as texts.</remarks>
    private static JsonSerializerOptions JsonSerializerOptions { get; } = new(AIJsonUtilities.DefaultOptions)
    {
        WriteIndented = false, MaxDepth = MaximumDepth * 4, NumberHandling = AIJsonUtilities.DefaultOptions.NumberHandling | JsonNumberHandling.AllowNamedFloatingPointLiterals,
    };

    /// <summary>Reads JSON that a model wrote. Half a surrogate pair, escaped or not, is U+FFFD.</summary>
    /// <exception cref="JsonException">It is no JSON.</exception>
    public static JsonDocument Parse(string json, JsonDocumentOptions options = default) => JsonDocument.Parse(Encoding.UTF8.GetBytes(Sound(json)), options);

    /// <summary>JSON text in which an escaped half of a surrogate pair without its other half is U+FFFD: models and tools write such, and no text can hold it.</summary>
    private static string Sound(string json)
    {
        StringBuilder? sound = null;
        var from = 0;
        for (var at = json.IndexOf('\\', StringComparison.Ordinal); at >= 0 && at + 1 < json.Length; at = json.IndexOf('\\', at))
        {
            var escaped = Escaped(json, at);
            if (!char.IsSurrogate(escaped))
            {
                at += 2;
            }
            else if (char.IsSurrogatePair(escaped, Escaped(json, at + 6)))
            {
                at += 12;
            }
            else
            {
                (sound ??= new StringBuilder(json.Length)).Append(json, from, at - from).Append("\\ufffd");
                from = at += 6;
            }
        }

        return sound is null ? json : sound.Append(json, from, json.Length - from).ToString();
    }

    /// <summary>The character of an escape by its number; NUL where there is none.</summary>
    private static char Escaped(string json, int at) =>
        at + 6 <= json.Length && json[at] == '\\' && json[at + 1] == 'u' && ushort.TryParse(json.AsSpan(at + 2, 4), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var code) ? (char)code : '\0';

    private static JsonNode? OfElement(JsonElement element)
    {
        if (element.ValueKind is JsonValueKind.Object or JsonValueKind.Array or JsonValueKind.String && element.GetRawText() is var json && Sound(json) is var sound && !ReferenceEquals(sound, json))
        {
            using var document = JsonDocument.Parse(sound, new JsonDocumentOptions { MaxDepth = MaximumDepth * 4 });
            return OfElement(document.RootElement, 0);
        }

        return OfElement(element, 0);
    }

    /// <remarks>Of equal names in one object the last counts; nodes that .NET makes of an element refuse them.</remarks>
    private static JsonNode? OfElement(JsonElement element, int depth)
    {
        CheckDepth(depth);
        switch (element.ValueKind)
        {
            case JsonValueKind.Null or JsonValueKind.Undefined: return null;
            case JsonValueKind.Array: return new JsonArray([.. element.EnumerateArray().Select(item => OfElement(item, depth + 1))]);
            case JsonValueKind.Object:
                var node = new JsonObject();
                foreach (var property in element.EnumerateObject())
                {
                    node[property.Name] = OfElement(property.Value, depth + 1);
                }

                return node;
            default: return JsonValue.Create(element.Clone());
        }
    }

    private static void CheckDepth(int depth)
    {
        if (depth > MaximumDepth)
        {
            throw new ChatTemplateException($"A value of the conversation is nested deeper than {MaximumDepth}.");
        }
    }
}
