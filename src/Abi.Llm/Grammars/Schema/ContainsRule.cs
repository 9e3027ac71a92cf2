namespace Abi.Llm.Grammars.Schema;

/// <summary>How many items must satisfy a schema.</summary>
internal sealed record ContainsRule(SchemaNode Schema, int Minimum, int? Maximum);
