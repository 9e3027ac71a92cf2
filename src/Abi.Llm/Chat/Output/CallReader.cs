using System.Text.Json;

namespace Abi.Llm.Chat.Output;

/// <summary>Reads one call, or one list of calls, behind the mark that begins it.</summary>
internal abstract class CallReader
{
    /// <summary>The most calls in one list; a longer one is text.</summary>
    public const int MaximumCalls = 128;

    private static readonly JsonDocumentOptions JsonOptions = new() { AllowTrailingCommas = true, MaxDepth = 64 };

    /// <summary>Takes a character.</summary>
    public abstract ReaderProgress Feed(char c);

    /// <summary>The calls after <see cref="ReaderProgress.Done"/>, or at the end of the output; null when they cannot be read.</summary>
    public abstract List<ParsedCall>? Read();

    /// <summary>Whether more than a name has been read: until then, what the model itself ended is text that spoke of such a mark.</summary>
    public abstract bool HasBegun { get; }

    /// <summary>Whether the end of the output may end the call.</summary>
    /// <param name="isCut">Whether the output was cut off there.</param>
    public virtual bool MayEndHere(bool isCut) => false;

    /// <summary>Reads a list of calls, or a single one.</summary>
    protected static List<ParsedCall>? ReadCalls(string json)
    {
        using var document = Parse(json);
        if (document is null)
        {
            return null;
        }

        var root = document.RootElement;
        if (root.ValueKind == JsonValueKind.Object)
        {
            return ReadCall(root) is { } single ? [single] : null;
        }

        List<ParsedCall> calls = [];
        foreach (var item in root.EnumerateArray())
        {
            if (calls.Count == MaximumCalls || ReadCall(item) is not { } call)
            {
                return null;
            }

            calls.Add(call);
        }

        return calls.Count > 0 ? calls : null;
    }

    /// <summary>Reads the arguments of a call whose name is known.</summary>
    public static Dictionary<string, object?>? ReadArguments(string json)
    {
        using var document = Parse(json);
        return document is null ? null : Arguments(document.RootElement);
    }

    private static JsonDocument? Parse(string json)
    {
        try
        {
            return ChatJson.Parse(json, JsonOptions);
        }
        catch (JsonException)
        {
            return null; // the model wrote something else
        }
    }

    private static ParsedCall? ReadCall(JsonElement item)
    {
        if (item.ValueKind != JsonValueKind.Object)
        {
            return null;
        }

        if (item.TryGetProperty("function", out var function) && function.ValueKind == JsonValueKind.Object)
        {
            item = function; // {"type": "function", "function": {…}}
        }

        var name = Text(item, "name") ?? Text(item, "tool_name") ?? (function.ValueKind == JsonValueKind.String ? function.GetString() : null);
        if (string.IsNullOrEmpty(name))
        {
            return null;
        }

        var hasArguments = item.TryGetProperty("arguments", out var arguments) || item.TryGetProperty("parameters", out arguments);
        return (hasArguments ? Arguments(arguments) : []) is { } values ? new ParsedCall(name, values, Text(item, "id") ?? Text(item, "tool_call_id")) : null;
    }

    private static string? Text(JsonElement item, string name) => item.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;

    private static Dictionary<string, object?>? Arguments(JsonElement value)
    {
        switch (value.ValueKind)
        {
            case JsonValueKind.Null:
                return [];
            case JsonValueKind.String:
                return value.GetString() is { } text && text.AsSpan().TrimStart().StartsWith("{") ? ReadArguments(text) : string.IsNullOrWhiteSpace(value.GetString()) ? [] : null;
            case JsonValueKind.Object:
                Dictionary<string, object?> arguments = new(StringComparer.Ordinal);
                foreach (var property in value.EnumerateObject())
                {
                    arguments[property.Name] = property.Value.Clone();
                }

                return arguments;
            default:
                return null;
        }
    }
}
