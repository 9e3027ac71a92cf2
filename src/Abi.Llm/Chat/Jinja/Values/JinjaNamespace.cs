namespace Abi.Llm.Chat.Jinja;

/// <summary>What <c>namespace()</c> makes: the only thing whose attributes a template can set.</summary>
internal sealed class JinjaNamespace
{
    public OrderedDictionary<string, object?> Attributes { get; } = new(StringComparer.Ordinal);
}
