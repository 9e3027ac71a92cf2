namespace Abi.Llm.Chat;

/// <summary>What happens to system messages, tools and tool messages that a chat template does not know.</summary>
public enum UnsupportedByTemplate
{
    /// <summary>A <see cref="ChatTemplateException"/> says what the template lacks.</summary>
    Refuse,

    /// <summary>
    /// They are written into messages that the template does know: a system text goes in front of the first user message, tools are described there, calls and results are
    /// written between <c>&lt;tool_call&gt;</c> and <c>&lt;tool_response&gt;</c> tags.
    /// </summary>
    FoldIn,

    /// <summary>The template gets everything as it is, and does what it does: it may leave things out silently, or raise.</summary>
    PassThrough,
}
