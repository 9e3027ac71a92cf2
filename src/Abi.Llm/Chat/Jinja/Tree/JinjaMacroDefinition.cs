namespace Abi.Llm.Chat.Jinja;

/// <summary>A macro as written; also the body of a <c>call</c> block, which has no name.</summary>
internal sealed record JinjaMacroDefinition(string? Name, IReadOnlyList<(string Name, JinjaExpression? Default)> Parameters, BlockStatement Body, JinjaNames Names)
{
    public bool HasOwnCaller => Parameters.Any(parameter => parameter.Name == "caller");

    public bool TakesCaller => Names.Uses("caller") && !HasOwnCaller;

    public bool TakesMoreNames => Takes("kwargs");

    public bool TakesMore => Takes("varargs");

    /// <summary>A macro takes further arguments where its body speaks of them.</summary>
    private bool Takes(string name) => Names.Uses(name) && !Parameters.Any(parameter => parameter.Name == name);
}
