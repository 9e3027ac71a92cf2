namespace Abi.Llm.Chat.Jinja;

/// <summary>What kind of error ended a template.</summary>
public enum JinjaErrorKind
{
    /// <summary>The template cannot be parsed.</summary>
    Syntax,

    /// <summary>An operation failed: an undefined value, a wrong type, something that the sandbox forbids.</summary>
    Runtime,

    /// <summary>The template called <c>raise_exception</c>.</summary>
    Raised,

    /// <summary>The template took more steps, output or depth than it may.</summary>
    Limit,
}
