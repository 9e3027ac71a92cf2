namespace Abi.Llm.Grammars.Schema;

/// <summary>What one schema says of an array's items.</summary>
/// <param name="Prefix">The first ones.</param>
/// <param name="Items">All others; null when the schema does not say.</param>
internal sealed record ArrayGroup(IReadOnlyList<SchemaNode> Prefix, SchemaNode? Items)
{
    /// <summary>In how many schemas that must fail it stands.</summary>
    public int Negations { get; init; }
}
