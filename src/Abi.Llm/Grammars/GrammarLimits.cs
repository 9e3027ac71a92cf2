namespace Abi.Llm.Grammars;

/// <summary>How much a grammar may ask for: grammars come from requests and are not trusted. Generous for anything that people write.</summary>
internal static class GrammarLimits
{
    /// <summary>The longest text of a grammar, schema or expression, in characters.</summary>
    public const int TextLength = 4 << 20;

    /// <summary>The deepest nesting of groups, of a schema's JSON, and of rules that are written into one another.</summary>
    public const int Nesting = 200;

    /// <summary>The most rules.</summary>
    public const int Rules = 100_000;

    /// <summary>The most nodes of an automaton.</summary>
    public const int Nodes = 1_000_000;

    /// <summary>The most repetitions that can be asked for by number.</summary>
    public const int Repetitions = 10_000_000;

    /// <summary>The most states of a determined expression (patterns of JSON schemas).</summary>
    public const int ExpressionStates = 20_000;

    /// <summary>The deepest stack while a text is followed: how deep a recursive grammar may nest.</summary>
    public const int StackDepth = 4_000;

    /// <summary>The most work to follow one byte: an ambiguous grammar can ask for ever more.</summary>
    public const int StepsOfAByte = 400_000;

    /// <summary>The most work to find the tokens that may follow, or to take one: others wait for the thread that does it.</summary>
    public const long StepsOfAToken = 20_000_000;

    /// <summary>The bytes that states and masks of one grammar may take before they are made anew.</summary>
    public const long CacheBytes = 256L << 20;
}
