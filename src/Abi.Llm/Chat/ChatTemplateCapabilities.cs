namespace Abi.Llm.Chat;

/// <summary>What a chat template does with its input, found out by rendering small conversations and looking for their parts in the result.</summary>
/// <remarks>Immutable and thread-safe.</remarks>
public sealed record ChatTemplateCapabilities
{
    /// <summary>Whether a system message at the beginning is shown.</summary>
    public bool SystemMessages { get; init; }

    /// <summary>Whether descriptions of tools are shown.</summary>
    public bool Tools { get; init; }

    /// <summary>Whether calls in an assistant's message are shown.</summary>
    public bool ToolCalls { get; init; }

    /// <summary>Whether several calls in one message are shown.</summary>
    public bool ParallelToolCalls { get; init; }

    /// <summary>Whether results of tools are shown.</summary>
    public bool ToolResults { get; init; }

    /// <summary>Whether a call's arguments have to be JSON as text; otherwise they are an object.</summary>
    public bool ArgumentsAsText { get; init; }

    /// <summary>Whether a message that only calls tools has to have no content at all; otherwise its content is empty text.</summary>
    public bool CallsWithoutContent { get; init; }

    /// <summary>Whether ids of calls have to be nine letters or digits.</summary>
    public bool NineCharacterCallIds { get; init; }

    /// <summary>Whether content has to be a list of parts; otherwise it is text.</summary>
    public bool ContentAsParts { get; init; }

    /// <summary>Whether the variable <c>enable_thinking</c> turns reasoning on and off.</summary>
    public bool EnableThinking { get; init; }

    /// <summary>Whether the variable <c>thinking</c> turns reasoning on and off.</summary>
    public bool Thinking { get; init; }

    /// <summary>Whether the variable <c>reasoning_effort</c> sets how much the model reasons.</summary>
    public bool ReasoningEffort { get; init; }

    /// <summary>Whether system messages are shown after the first too.</summary>
    public bool LateSystemMessages { get; init; }

    /// <summary>Whether a call is shown by its id alone, which has to hold the tool's name, as <c>functions.name:0</c> does.</summary>
    internal bool CallIdsNameTools { get; init; }

    /// <summary>Whether a conversation without tools has to have an empty list of them; otherwise it has none.</summary>
    internal bool ToolsAsEmptyList { get; init; }

    /// <summary>Whether descriptions of tools are read from the field <c>tools</c> of a system message, as text; otherwise from the template's variable.</summary>
    internal bool ToolsInSystemMessage { get; init; }

    /// <summary>Whether the role <c>developer</c> is known; otherwise such messages are system messages.</summary>
    internal bool DeveloperRole { get; init; }

    /// <summary>Whether reasoning of former messages is read from their field <c>thinking</c>; otherwise from <c>reasoning_content</c>.</summary>
    internal bool ReasoningAsThinking { get; init; }

    /// <summary>Whether the results of tools can stand in the message that calls them, as <c>tool_responses</c>.</summary>
    internal bool ResultsBesideCalls { get; init; }
}
