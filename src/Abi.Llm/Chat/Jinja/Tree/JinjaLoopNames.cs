namespace Abi.Llm.Chat.Jinja;

/// <summary>The names of a loop's three scopes: its body, its condition, and what is rendered where it has no rounds.</summary>
internal sealed record JinjaLoopNames(JinjaNames Body, JinjaNames? Filter, JinjaNames? Else);
