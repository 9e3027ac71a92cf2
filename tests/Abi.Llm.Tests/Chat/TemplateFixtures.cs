using System.Collections.Concurrent;
using System.Text.Json;
using Abi.Llm.Chat;
using Abi.Testing;
using Microsoft.Extensions.AI;

namespace Abi.Llm.Tests.Chat;

/// <summary>The published templates, and conversations for them as messages.</summary>
internal static class TemplateFixtures
{
    public static readonly DateTimeOffset Now = new(2024, 7, 26, 12, 34, 56, TimeSpan.Zero);

    public static IEnumerable<string> Names() => Directory.GetFiles(Fixtures.Path("chat-templates", "templates"), "*.jinja").Select(path => Path.GetFileName(path)!).Order(StringComparer.Ordinal);

    private static readonly ConcurrentDictionary<(string, string, string), ChatTemplate> Templates = [];

    public static ChatTemplate Load(string start, string begin = "", string end = "") => Templates.GetOrAdd((start, begin, end), static key =>
    {
        var name = Names().Single(name => name.StartsWith(key.Item1, StringComparison.Ordinal));
        return ChatTemplate.Parse(File.ReadAllText(Fixtures.Path("chat-templates", "templates", name)), key.Item2, key.Item3);
    });

    public static IEnumerable<JsonElement> Conversations()
    {
        foreach (var line in File.ReadLines(Fixtures.Path("chat-templates", "conversations.jsonl")))
        {
            using var document = JsonDocument.Parse(line);
            yield return document.RootElement.Clone();
        }
    }

    public static List<ChatMessage> Messages(JsonElement messages)
    {
        List<ChatMessage> result = [];
        foreach (var message in messages.EnumerateArray())
        {
            var role = new ChatRole(message.GetProperty("role").GetString()!);
            var content = message.GetProperty("content").GetString()!;
            if (role == ChatRole.Tool)
            {
                result.Add(new ChatMessage(role, [new FunctionResultContent(message.GetProperty("tool_call_id").GetString()!, content)]));
                continue;
            }

            List<AIContent> contents = [new TextContent(content)];
            if (message.TryGetProperty("reasoning_content", out var reasoning))
            {
                contents.Add(new TextReasoningContent(reasoning.GetString()));
            }

            if (message.TryGetProperty("tool_calls", out var calls))
            {
                foreach (var call in calls.EnumerateArray())
                {
                    var function = call.GetProperty("function");
                    var arguments = function.GetProperty("arguments");
                    var values = arguments.ValueKind == JsonValueKind.String ? JsonDocument.Parse(arguments.GetString()!).RootElement : arguments;
                    contents.Add(new FunctionCallContent(
                        call.GetProperty("id").GetString()!, function.GetProperty("name").GetString()!, values.EnumerateObject().ToDictionary(p => p.Name, p => (object?)p.Value.Clone())));
                }
            }

            result.Add(new ChatMessage(role, contents));
        }

        return result;
    }

    public static AIFunctionDeclaration Tool(JsonElement tool)
    {
        var function = tool.GetProperty("function");
        return AIFunctionFactory.CreateDeclaration(function.GetProperty("name").GetString()!, function.GetProperty("description").GetString(), function.GetProperty("parameters").Clone());
    }

    public static AIFunctionDeclaration Weather { get; } = AIFunctionFactory.CreateDeclaration(
        "get_weather",
        "Get the current weather for a city.",
        JsonDocument.Parse("""{"type":"object","properties":{"city":{"type":"string","description":"City name"},"days":{"type":"integer","description":"Days"}},"required":["city"]}""").RootElement);

    public static AIFunctionDeclaration Add { get; } = AIFunctionFactory.CreateDeclaration(
        "add",
        "Add two numbers.",
        JsonDocument.Parse("""{"type":"object","properties":{"a":{"type":"number","description":"First"},"b":{"type":"number","description":"Second"}},"required":["a","b"]}""").RootElement);
}
