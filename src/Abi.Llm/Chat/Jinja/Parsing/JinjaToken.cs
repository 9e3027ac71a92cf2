namespace Abi.Llm.Chat.Jinja;

/// <summary>A token of a template.</summary>
/// <param name="Kind">What it is.</param>
/// <param name="Text">Its text: for strings, the value after escapes; for data, the literal output.</param>
/// <param name="Line">The line it starts on, from 1.</param>
internal readonly record struct JinjaToken(JinjaTokenKind Kind, string Text, int Line);
