namespace Abi.Llm.Grammars;

/// <summary>How a grammar of a JSON schema lets JSON be written.</summary>
/// <remarks>Immutable and thread-safe.</remarks>
public sealed record JsonSchemaOptions
{
    /// <summary>Whether there is no white space outside strings. Otherwise a space, or one or two line breaks and an indentation, may stand after brackets, commas and colons, and before closing brackets.</summary>
    public bool IsCompact { get; init; }

    /// <summary>The most characters of a number's whole part; 1 to 100.</summary>
    public int MaximumDigits { get; init; } = 16;
}
