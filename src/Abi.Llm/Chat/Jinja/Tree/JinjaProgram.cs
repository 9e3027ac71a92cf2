namespace Abi.Llm.Chat.Jinja;

/// <summary>A parsed template: what its top level renders, the names of that, and its blocks.</summary>
internal sealed record JinjaProgram(BlockStatement Body, JinjaNames Names, IReadOnlyList<NamedBlockStatement> Blocks);
