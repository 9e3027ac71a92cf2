namespace Abi.Llm.Chat.Jinja;

/// <summary>The name <c>self</c>: the template's blocks, each to be called for its text.</summary>
internal sealed record JinjaSelf(IReadOnlyDictionary<string, JinjaCallable> Blocks);
