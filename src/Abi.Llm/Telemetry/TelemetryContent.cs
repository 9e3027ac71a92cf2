using System.Text.Json.Nodes;
using Abi.Llm.Chat;
using Microsoft.Extensions.AI;

namespace Abi.Llm.Telemetry;

/// <summary>Messages as the conventions write them on spans: roles and parts, as JSON. Only for users who opted in.</summary>
internal static class TelemetryContent
{
    public static string Messages(IEnumerable<ChatMessage> messages) =>
        new JsonArray([.. messages.Select(message => new JsonObject { ["role"] = message.Role.Value, ["parts"] = new JsonArray([.. message.Contents.Select(Part).Where(part => part is not null)]) })]).ToJsonString();

    public static string Tools(IEnumerable<AIFunctionDeclaration> tools) => new JsonArray(
    [
        .. tools.Select(tool => new JsonObject { ["type"] = "function", ["name"] = tool.Name, ["description"] = tool.Description, ["parameters"] = ChatJson.Node(tool.JsonSchema) }),
    ]).ToJsonString();

    /// <summary>Parts of a stream, with texts that follow each other joined.</summary>
    public static List<AIContent> Join(IEnumerable<AIContent> contents)
    {
        List<AIContent> result = [];
        foreach (var content in contents)
        {
            switch (content, result.LastOrDefault())
            {
                case (TextContent text, TextContent last): result[^1] = new TextContent(last.Text + text.Text); break;
                case (TextReasoningContent text, TextReasoningContent last): result[^1] = new TextReasoningContent(last.Text + text.Text); break;
                default: result.Add(content); break;
            }
        }

        return result;
    }

    private static JsonObject? Part(AIContent content) => content switch
    {
        TextContent text => new JsonObject { ["type"] = "text", ["content"] = text.Text },
        TextReasoningContent text => new JsonObject { ["type"] = "reasoning", ["content"] = text.Text },
        FunctionCallContent call => new JsonObject { ["type"] = "tool_call", ["id"] = call.CallId, ["name"] = call.Name, ["arguments"] = ChatJson.Node(call.Arguments) },
        FunctionResultContent result => new JsonObject { ["type"] = "tool_call_response", ["id"] = result.CallId, ["response"] = ChatJson.Text(result.Result) },
        _ => null,
    };
}
