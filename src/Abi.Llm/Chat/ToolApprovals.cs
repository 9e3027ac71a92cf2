using Microsoft.Extensions.AI;

namespace Abi.Llm.Chat;

/// <summary>
/// Questions to the user whether a function may be called, and the answers, which a function-invoking client leaves in the history. Once a call is settled they say nothing to the model: it reads the call and
/// its result.
/// </summary>
internal static class ToolApprovals
{
    /// <summary>The conversation without the questions and answers of settled calls, and without messages that hold nothing else. Those of open calls stay, and are refused by name: they are not for a model.</summary>
    public static IReadOnlyList<ChatMessage> WithoutSettled(IReadOnlyList<ChatMessage> messages)
    {
        if (!messages.Any(static message => message.Contents.Any(static content => CallOf(content) is not null)))
        {
            return messages;
        }

        HashSet<string> answered = new(messages.SelectMany(static message => message.Contents).OfType<FunctionResultContent>().Select(static result => result.CallId), StringComparer.Ordinal);
        List<ChatMessage> kept = [];
        foreach (var message in messages)
        {
            List<AIContent> contents = [.. message.Contents.Where(content => CallOf(content) is not { } call || !IsSettled(call, answered))];
            if (contents.Count == message.Contents.Count)
            {
                kept.Add(message);
            }
            else if (contents.Count > 0)
            {
                kept.Add(new ChatMessage(message.Role, contents) { AuthorName = message.AuthorName });
            }
        }

        return kept;
    }

    private static ToolCallContent? CallOf(AIContent content) => content switch
    {
        ToolApprovalRequestContent request => request.ToolCall,
        ToolApprovalResponseContent response => response.ToolCall,
        _ => null,
    };

    private static bool IsSettled(ToolCallContent call, HashSet<string> answered) => call is FunctionCallContent { InformationalOnly: true } || answered.Contains(call.CallId);
}
