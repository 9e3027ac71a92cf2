using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Abi.Llm.Chat.Jinja;

namespace Abi.Llm.Chat;

/// <summary>Finds out what a template shows, by rendering small conversations whose parts can be recognised in the result.</summary>
internal sealed partial class ChatTemplateProbe
{
    /// <summary>A probe is a few lines; a template that works harder on it is not a chat template.</summary>
    private static readonly JinjaLimits Limits = new() { Steps = 200_000, Characters = 1 << 20 };

    private readonly JinjaTemplate _template;
    private readonly string _beginText;
    private readonly string _endText;

    private ChatTemplateProbe(string source, string beginText, string endText)
    {
        _template = JinjaTemplate.Parse(source, Limits);
        _beginText = beginText;
        _endText = endText;
    }

    public static ChatTemplateCapabilities Run(string source, string beginText, string endText) => new ChatTemplateProbe(source, beginText, endText).Run(source);

    private ChatTemplateCapabilities Run(string source)
    {
        var asEmptyList = !Shows([User()], null, "user-needle") && Shows([User()], [], "user-needle");
        var asParts = !asEmptyList && !Shows([User()], null, "user-needle") && Shows([User(asParts: true)], null, "user-needle");
        var calls = FindCallShape(asParts);
        var inVariable = Shows([User(asParts)], [Tool()], "tool_needle");
        var system = Text("system", "system-needle", asParts);
        system["tools"] = "tool_needle";
        var inMessage = !inVariable && Shows([system, User(asParts)], null, "tool_needle");
        return new ChatTemplateCapabilities
        {
            ContentAsParts = asParts,
            ToolsAsEmptyList = asEmptyList,
            SystemMessages = Shows([Text("system", "system-needle", asParts), User(asParts)], asEmptyList ? [] : null, "system-needle"),
            LateSystemMessages = Shows(
                [Text("system", "system-needle", asParts), User(asParts), Text("assistant", "text", asParts), Text("system", "late-needle", asParts), User(asParts)],
                asEmptyList ? [] : null, "system-needle", "late-needle"),
            Tools = inVariable || inMessage,
            ToolsInSystemMessage = inMessage,
            ToolCalls = calls is not null,
            ArgumentsAsText = calls?.AsText ?? false,
            CallsWithoutContent = calls?.WithoutContent ?? false,
            NineCharacterCallIds = calls?.Ids == CallIds.Nine,
            CallIdsNameTools = calls?.Ids == CallIds.Names,
            ParallelToolCalls = calls is not null && Shows(
                [User(asParts), Calls(calls, "call_needle", "other_needle"), Result("result-needle", asParts), Result("result-needle", asParts)], [Tool()], "call_needle", "other_needle"),
            ToolResults = Shows([User(asParts), calls is null ? Text("assistant", "text", asParts) : Calls(calls, "call_needle"), Result("result-needle", asParts)], [Tool()], "result-needle"),
            ResultsBesideCalls = calls is not null && Shows([User(asParts), Answered(calls, "result-needle")], [Tool()], "result-needle"),
            EnableThinking = EnableThinkingPattern().IsMatch(source),
            Thinking = ThinkingPattern().IsMatch(source),
            ReasoningEffort = ReasoningEffortPattern().IsMatch(source),
            DeveloperRole = source.Contains("developer", StringComparison.Ordinal),
            ReasoningAsThinking = MessageThinkingPattern().IsMatch(source),
        };
    }

    /// <summary>The shape of a call that the template shows whole: arguments neither escaped twice nor in Python's spelling.</summary>
    private CallShape? FindCallShape(bool asParts)
    {
        foreach (var ids in new[] { CallIds.Any, CallIds.Nine, CallIds.Names })
        {
            foreach (var withoutContent in new[] { false, true })
            {
                foreach (var asText in new[] { false, true })
                {
                    var shape = new CallShape(asText, withoutContent, ids);
                    if (Render([User(asParts), Calls(shape, "call_needle")], [Tool()]) is { } text
                        && text.Contains("call_needle", StringComparison.Ordinal) && text.Contains("value-needle", StringComparison.Ordinal)
                        && !text.Contains("\\\"key_needle", StringComparison.Ordinal) && !text.Contains("'key_needle'", StringComparison.Ordinal)
                        && text.Contains("key_needle", StringComparison.Ordinal))
                    {
                        return shape;
                    }
                }
            }
        }

        return null;
    }

    private bool Shows(JsonNode[] messages, JsonNode[]? tools, params ReadOnlySpan<string> needles)
    {
        if (Render(messages, tools) is not { } text)
        {
            return false;
        }

        foreach (var needle in needles)
        {
            if (!text.Contains(needle, StringComparison.Ordinal))
            {
                return false;
            }
        }

        return true;
    }

    /// <remarks>Plain arrays, since a collection expression of a <see cref="JsonArray"/> calls its generic Add, which native compilation cannot take.</remarks>
    private string? Render(JsonNode[] messages, JsonNode[]? tools)
    {
        try
        {
            return _template.Render(
                ChatJson.Element(new JsonObject
                {
                    ["messages"] = new JsonArray(messages), ["tools"] = tools is null ? null : new JsonArray(tools), ["add_generation_prompt"] = false, ["bos_token"] = _beginText, ["eos_token"] = _endText,
                }),
                DateTimeOffset.UnixEpoch);
        }
        catch (JinjaException)
        {
            return null; // it does not take this: that is what is asked
        }
    }

    private static JsonObject User(bool asParts = false) => Text("user", "user-needle", asParts);

    private static JsonObject Text(string role, string text, bool asParts) => new()
    {
        ["role"] = role,
        ["content"] = asParts ? new JsonArray(new JsonObject { ["type"] = "text", ["text"] = text }) : text,
    };

    private static JsonObject Result(string text, bool asParts)
    {
        var message = Text("tool", text, asParts);
        message["name"] = "call_needle";
        message["tool_call_id"] = "call00001";
        return message;
    }

    private static JsonObject Calls(CallShape shape, params ReadOnlySpan<string> names)
    {
        var calls = new JsonArray();
        foreach (var name in names)
        {
            calls.Add((JsonNode)new JsonObject
            {
                ["id"] = shape.Ids switch { CallIds.Nine => "call00001", CallIds.Names => $"functions.{name}:0", _ => "call_00001_probe" },
                ["type"] = "function",
                ["function"] = new JsonObject
                {
                    ["name"] = name,
                    ["arguments"] = shape.AsText ? "{\"key_needle\": \"value-needle\"}" : new JsonObject { ["key_needle"] = "value-needle" },
                },
            });
        }

        return new JsonObject { ["role"] = "assistant", ["content"] = shape.WithoutContent ? null : "", ["tool_calls"] = calls };
    }

    private static JsonObject Answered(CallShape shape, string text)
    {
        var message = Calls(shape, "call_needle");
        message["tool_responses"] = new JsonArray(new JsonObject { ["name"] = "call_needle", ["response"] = text });
        return message;
    }

    private static JsonObject Tool() => new()
    {
        ["type"] = "function",
        ["function"] = new JsonObject
        {
            ["name"] = "tool_needle",
            ["description"] = "What it does.",
            ["parameters"] = new JsonObject
            {
                ["type"] = "object",
                ["properties"] = new JsonObject { ["key_needle"] = new JsonObject { ["type"] = "string", ["description"] = "A key." } },
                ["required"] = new JsonArray("key_needle"),
            },
        },
    };

    [GeneratedRegex(@"\benable_thinking\b", RegexOptions.NonBacktracking)]
    private static partial Regex EnableThinkingPattern();

    [GeneratedRegex(@"\{%-?\s*(?:el)?if\s+(?:not\s+)?thinking\b", RegexOptions.NonBacktracking)]
    private static partial Regex ThinkingPattern();

    [GeneratedRegex(@"\breasoning_effort\b", RegexOptions.NonBacktracking)]
    private static partial Regex ReasoningEffortPattern();

    [GeneratedRegex(@"message\.thinking\b|message\[['""]thinking['""]\]", RegexOptions.NonBacktracking)]
    private static partial Regex MessageThinkingPattern();

    private enum CallIds
    {
        Any,
        Nine,
        Names,
    }

    private sealed record CallShape(bool AsText, bool WithoutContent, CallIds Ids);
}
