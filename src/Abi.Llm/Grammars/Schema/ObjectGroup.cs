using Abi.Llm.Grammars.Regular;

namespace Abi.Llm.Grammars.Schema;

/// <summary>What one schema says of an object's properties; <c>additionalProperties</c> counts from its own neighbours only.</summary>
/// <param name="Properties">By name, in the schema's order.</param>
/// <param name="Patterns">By pattern.</param>
/// <param name="Additional">For all others; null when the schema does not say.</param>
internal sealed record ObjectGroup(IReadOnlyList<KeyValuePair<string, SchemaNode>> Properties, IReadOnlyList<(string Source, Dfa Automaton, SchemaNode Schema)> Patterns, SchemaNode? Additional)
{
    private readonly ILookup<string, SchemaNode> _byName = Properties.ToLookup(property => property.Key, property => property.Value, StringComparer.Ordinal);

    /// <summary>In how many schemas that must fail it stands.</summary>
    public int Negations { get; init; }

    /// <summary>Adds what it says of a name; whether it says anything.</summary>
    public void Collect(string name, List<SchemaNode> schemas)
    {
        var isMatched = _byName.Contains(name);
        schemas.AddRange(_byName[name]);

        foreach (var (_, automaton, schema) in Patterns)
        {
            if (automaton.Matches(name))
            {
                isMatched = true;
                schemas.Add(schema);
            }
        }

        if (!isMatched && Additional is not null)
        {
            schemas.Add(Additional);
        }
    }
}
