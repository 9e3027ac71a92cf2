using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using Microsoft.Extensions.AI;

namespace Abi.Llm.Chat;

/// <summary>Turns messages and tools into the variables that a chat template reads, in the shapes that it can show.</summary>
/// <param name="capabilities">What the template shows; null to pass everything on as it is.</param>
/// <param name="format">How calls are written into text where the template cannot show them.</param>
/// <param name="guard">Marks text that is not the template's own; null for none.</param>
/// <param name="mark">The mark.</param>
internal sealed class ChatVariables(ChatTemplateCapabilities capabilities, ToolCallFormat format, ContentGuard? guard, char mark)
{
    private const string DeveloperRole = "developer";
    private readonly Dictionary<string, string> _names = new(StringComparer.Ordinal); // call id → tool's name
    private readonly Dictionary<string, string> _namingIds = new(StringComparer.Ordinal); // call id → an id that holds the tool's name and counts the calls
    private JsonObject? _foldedResults; // the last message that results were folded into

    /// <summary>Whether a message instructs rather than takes part.</summary>
    public static bool IsSystem(ChatMessage message) => message.Role == ChatRole.System || message.Role.Value == DeveloperRole;

    /// <summary>
    /// The template's <c>messages</c>. System texts that it would not show go into the system message at the beginning when they follow it at once, else in front of the next user message;
    /// when none follows, the user says them at the end.
    /// </summary>
    public JsonArray Messages(IReadOnlyList<ChatMessage> messages, bool folds, string? folded)
    {
        List<JsonObject> result = [];
        List<string> first = []; // texts that go into the system message at the beginning
        List<string> held = capabilities.SystemMessages || folded is null ? [] : [folded];
        foreach (var message in messages)
        {
            var isSystem = IsSystem(message) && folds;
            var shows = capabilities.SystemMessages && (result.Count == 0 || capabilities.LateSystemMessages);
            if (isSystem && !shows)
            {
                (capabilities.SystemMessages && result.Count == 1 && IsSystem(messages[0]) ? first : held).Add(Guard(TextOf(message)));
                continue;
            }

            var before = result.Count;
            Add(result, message, isSystem && !capabilities.DeveloperRole ? ChatRole.System.Value : message.Role.Value, folds);
            if (held.Count > 0 && result.Skip(before).FirstOrDefault(IsUser) is { } user)
            {
                AddText(user, Joined(held), atEnd: false);
                held.Clear();
            }
        }

        if (first.Count > 0)
        {
            AddText(result[0], Joined(first), atEnd: true);
        }

        if (held.Count > 0)
        {
            if (!result.Exists(IsUser))
            {
                throw new ChatTemplateException("The chat template does not show every system message, and there is no user message that its text could go into.");
            }

            AddUserText(result, Joined(held));
        }

        return new JsonArray([.. folded is not null && capabilities.SystemMessages ? WithSystem(result, folded) : result]);
    }

    /// <summary>The template's <c>tools</c>.</summary>
    /// <param name="tools">The tools.</param>
    /// <param name="simplifies">Gives every parameter a description, if only an empty one, and a single type: templates may take both for granted.</param>
    public JsonNode? Tools(IReadOnlyList<AIFunctionDeclaration> tools, bool simplifies) =>
        tools.Count == 0 ? (capabilities.ToolsAsEmptyList ? new JsonArray() : null) : new JsonArray([.. tools.Select(tool => Tool(tool, simplifies))]);

    /// <summary>Puts the descriptions of tools, as JSON text, into the field of the system message that some templates read; makes one if there is none.</summary>
    public void AddToSystemMessage(JsonArray messages, IReadOnlyList<AIFunctionDeclaration> tools, bool simplifies)
    {
        if (messages.Count == 0 || !IsSystem(messages[0]!.AsObject()))
        {
            messages.Insert(0, Raw(ChatRole.System.Value, string.Empty));
        }

        messages[0]!["tools"] = ChatJson.Write(new JsonArray([.. tools.Select(tool => Tool(tool, simplifies)["function"]!.DeepClone())]));
    }

    /// <summary>Text that explains tools to a model whose template has no place for them.</summary>
    public string DescribeTools(IReadOnlyList<AIFunctionDeclaration> tools)
    {
        var text = new StringBuilder("You may call functions. Their signatures are given as JSON within <tools></tools>:\n<tools>\n");
        foreach (var tool in tools)
        {
            text.Append(ChatJson.Write(Tool(tool, simplifies: false))).Append('\n');
        }

        text.Append("</tools>\n\nTo call a function, answer with its name and its arguments as JSON, like this:\n");
        return (format == ToolCallFormat.DeepSeek
            ? text.Append("<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>function<｜tool▁sep｜>function name\n```json\n{\"argument\": \"value\"}\n```<｜tool▁call▁end｜><｜tool▁calls▁end｜>")
            : text.Append("<tool_call>\n{\"name\": \"function name\", \"arguments\": {\"argument\": \"value\"}}\n</tool_call>")).ToString();
    }

    private JsonObject Tool(AIFunctionDeclaration tool, bool simplifies)
    {
        var schema = ChatJson.Node(tool.JsonSchema) as JsonObject ?? [];
        schema.Remove("$schema");
        if (schema["properties"] is not JsonObject)
        {
            schema["type"] = "object";
            schema["properties"] = new JsonObject();
        }

        if (simplifies)
        {
            Simplify(schema);
        }

        return new JsonObject
        {
            ["type"] = "function",
            ["function"] = new JsonObject { ["name"] = Guard(tool.Name), ["description"] = Guard(tool.Description), ["parameters"] = Guard(schema) },
        };
    }

    private static void Simplify(JsonObject schema)
    {
        if (schema["type"] is JsonArray types)
        {
            schema["type"] = types.Select(type => type is JsonValue value && value.TryGetValue<string>(out var name) ? name : "null").FirstOrDefault(name => name != "null", "null");
        }

        if (schema["items"] is JsonObject items)
        {
            Simplify(items);
        }

        if (schema["properties"] is JsonObject properties)
        {
            foreach (var (_, property) in properties)
            {
                if (property is JsonObject parameter)
                {
                    parameter.TryAdd("description", string.Empty);
                    Simplify(parameter);
                }
            }
        }
    }

    private void Add(List<JsonObject> result, ChatMessage message, string role, bool folds)
    {
        List<FunctionCallContent> calls = [];
        List<FunctionResultContent> results = [];
        StringBuilder? text = null;
        StringBuilder? reasoning = null;
        foreach (var content in message.Contents)
        {
            switch (content)
            {
                case TextContent part: (text ??= new StringBuilder()).Append(part.Text); break;
                case TextReasoningContent part: (reasoning ??= new StringBuilder()).Append(part.Text); break;
                case FunctionCallContent call: calls.Add(call); break;
                case FunctionResultContent answer: results.Add(answer); break;
                case UsageContent or ErrorContent: break; // about a message, not part of it
                default: throw ChatOptionException.Content(content);
            }
        }

        if (calls.Count > 0 || message.Role == ChatRole.Assistant)
        {
            AddAssistant(result, message, text?.ToString(), reasoning?.ToString(), calls, folds);
            if (results.Count > 0)
            {
                AddResults(result, results, folds);
            }
        }
        else if (results.Count > 0)
        {
            AddResults(result, results, folds);
            if (text is { Length: > 0 })
            {
                AddMessage(result, message.Role == ChatRole.Tool ? ChatRole.User.Value : role, text.ToString(), message.AuthorName);
            }
        }
        else
        {
            AddMessage(result, role, text?.ToString() ?? string.Empty, message.AuthorName);
        }
    }

    private void AddMessage(List<JsonObject> result, string role, string text, string? author)
    {
        if (role == ChatRole.User.Value && _foldedResults is not null && ReferenceEquals(_foldedResults, result.LastOrDefault()))
        {
            AddUserText(result, Guard(text));
        }
        else
        {
            result.Add(Message(role, text, author));
        }
    }

    private void AddAssistant(List<JsonObject> result, ChatMessage message, string? text, string? reasoning, List<FunctionCallContent> calls, bool folds)
    {
        foreach (var call in calls)
        {
            _names[call.CallId] = call.Name;
            _namingIds.TryAdd(call.CallId, $"functions.{call.Name}:{_namingIds.Count}");
        }

        if (calls.Count > 0 && folds && !capabilities.ToolCalls)
        {
            result.Add(Raw(ChatRole.Assistant.Value, Join(text is null ? null : Guard(text), string.Concat(calls.Select(WriteCall)), "\n")!));
            return;
        }

        // without a text of the caller's own, a message that only calls gets what the template wants there: nothing, or empty text
        var content = text is null && calls.Count > 0 && capabilities.CallsWithoutContent ? null : text ?? string.Empty;
        var node = Message(ChatRole.Assistant.Value, content, message.AuthorName);
        if (reasoning is { Length: > 0 })
        {
            if (capabilities.ReasoningAsThinking)
            {
                // such a template takes either a text or reasoning beside a call, and shows both as reasoning
                var both = calls.Count > 0 && content is { Length: > 0 };
                node["thinking"] = Guard(both ? $"{reasoning}\n\n{content}" : reasoning);
                node["content"] = both ? string.Empty : node["content"]?.DeepClone();
            }
            else
            {
                node["reasoning_content"] = Guard(reasoning);
            }
        }

        if (calls.Count > 0)
        {
            node["tool_calls"] = new JsonArray([.. calls.Select(Call)]);
        }

        result.Add(node);
    }

    private void AddResults(List<JsonObject> result, List<FunctionResultContent> results, bool folds)
    {
        if (folds && !capabilities.ToolResults)
        {
            var text = string.Join("\n", results.Select(answer => $"<tool_response>\n{Guard(ResultText(answer))}\n</tool_response>"));
            if (_foldedResults is { } before && ReferenceEquals(before, result[^1]))
            {
                before["content"] = Content(ContentText(before) + "\n" + text); // see AddUserText
            }
            else
            {
                result.Add(_foldedResults = Raw(ChatRole.User.Value, text));
            }

            return;
        }

        foreach (var answer in results)
        {
            if (capabilities.ResultsBesideCalls && result is [.., var caller] && caller.ContainsKey("tool_calls") && _names.TryGetValue(answer.CallId, out var called))
            {
                var answers = caller["tool_responses"] as JsonArray ?? [];
                answers.Add((JsonNode)new JsonObject { ["name"] = Guard(called), ["response"] = Guard(ResultText(answer)) });
                caller["tool_responses"] = answers;
                continue;
            }

            var node = new JsonObject { ["role"] = ChatRole.Tool.Value };
            if (_names.TryGetValue(answer.CallId, out var name))
            {
                node["name"] = Guard(name);
            }

            node["tool_call_id"] = CallId(answer.CallId);
            node["content"] = Content(Guard(ResultText(answer)));
            result.Add(node);
        }
    }

    private static string ResultText(FunctionResultContent answer) => answer.Result is null && answer.Exception is { } exception ? $"Error: {exception.Message}" : ChatJson.Text(answer.Result);

    private JsonObject Call(FunctionCallContent call)
    {
        var arguments = Guard(Arguments(call));
        return new JsonObject
        {
            ["id"] = CallId(call.CallId),
            ["type"] = "function",
            ["function"] = new JsonObject
            {
                ["name"] = Guard(call.Name),
                ["arguments"] = capabilities.ArgumentsAsText ? ChatJson.Write(arguments) : arguments,
            },
        };
    }

    private static JsonNode Arguments(FunctionCallContent call) => call.Arguments is null ? new JsonObject() : ChatJson.Node(call.Arguments)!;

    /// <summary>A call as text, in the way in which the model itself writes it, for templates that show tools but no former calls.</summary>
    private string WriteCall(FunctionCallContent call)
    {
        var json = ChatJson.Write(new JsonObject { ["name"] = Guard(call.Name), ["arguments"] = Guard(Arguments(call)) });
        return format switch
        {
            ToolCallFormat.Granite => $"<|tool_call|>[{json}]",
            ToolCallFormat.Mistral => $"[TOOL_CALLS][{json}]",
            ToolCallFormat.LlamaJson => json.Replace("\"arguments\": ", "\"parameters\": ", StringComparison.Ordinal),
            _ => $"<tool_call>\n{json}\n</tool_call>\n",
        };
    }

    /// <summary>Ids that the template takes: where it asks for nine characters, others become nine that depend on them alone; where it shows a call by its id alone, that names the tool.</summary>
    private string CallId(string id)
    {
        if (capabilities.CallIdsNameTools)
        {
            return Guard(_namingIds.GetValueOrDefault(id, id));
        }

        if (!capabilities.NineCharacterCallIds || (id.Length == 9 && id.All(char.IsAsciiLetterOrDigit)))
        {
            return Guard(id);
        }

        return Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(id)))[..9];
    }

    private JsonObject Message(string role, string? content, string? name)
    {
        var node = new JsonObject { ["role"] = Guard(role), ["content"] = content is null ? null : Content(Guard(content)) };
        if (name is not null)
        {
            node["name"] = Guard(name);
        }

        return node;
    }

    private JsonObject Raw(string role, string content) => new() { ["role"] = role, ["content"] = Content(content) };

    private JsonNode Content(string text) => capabilities.ContentAsParts ? new JsonArray(new JsonObject { ["type"] = "text", ["text"] = text }) : JsonValue.Create(text);

    private List<JsonObject> WithSystem(List<JsonObject> messages, string system)
    {
        if (messages.Count > 0 && IsSystem(messages[0]))
        {
            AddText(messages[0], system, atEnd: true);
        }
        else
        {
            messages.Insert(0, Raw(ChatRole.System.Value, system));
        }

        return messages;
    }

    /// <summary>Lets the user say something more at the end: two messages of the user's in a row are what many templates refuse.</summary>
    private void AddUserText(List<JsonObject> messages, string text)
    {
        if (messages.Count > 0 && IsUser(messages[^1]))
        {
            AddText(messages[^1], text, atEnd: true);
        }
        else
        {
            messages.Add(Raw(ChatRole.User.Value, text));
        }
    }

    private static bool IsSystem(JsonObject message) => message["role"]?.GetValue<string>() is "system" or DeveloperRole;

    private static bool IsUser(JsonObject message) => message["role"]?.GetValue<string>() == ChatRole.User.Value;

    private void AddText(JsonObject message, string text, bool atEnd)
    {
        var own = ContentText(message);
        message["content"] = Content(atEnd ? Join(own, text, "\n\n")! : Join(text, own, "\n\n")!);
    }

    private static string ContentText(JsonObject message) =>
        message["content"] switch { JsonArray parts => parts[0]!["text"]!.GetValue<string>(), JsonValue text => text.GetValue<string>(), _ => string.Empty };

    private static string TextOf(ChatMessage message)
    {
        foreach (var content in message.Contents)
        {
            if (content is not TextContent)
            {
                throw ChatOptionException.Content(content);
            }
        }

        return message.Text;
    }

    private static string Joined(List<string> texts) => string.Join("\n\n", texts.Where(text => text.Length > 0));

    private static string? Join(string? first, string second, string between) => string.IsNullOrEmpty(first) ? second : second.Length == 0 ? first : first + between + second;

    /// <summary>Another variable of the template, whose texts are not the template's own either.</summary>
    public JsonNode? Other(JsonNode? value) => value is null ? null : Guard(value);

    private string Guard(string text) => guard is null ? text : guard.Mark(text, mark);

    private JsonNode Guard(JsonNode node)
    {
        switch (node)
        {
            case JsonObject properties:
                return new JsonObject(properties.Select(property => KeyValuePair.Create(Guard(property.Key), property.Value is null ? null : Guard(property.Value))));
            case JsonArray items:
                return new JsonArray([.. items.Select(item => item is null ? null : Guard(item))]);
            case JsonValue value when guard is not null && value.TryGetValue<string>(out var text):
                return JsonValue.Create(Guard(text));
            default:
                return node.DeepClone();
        }
    }
}
