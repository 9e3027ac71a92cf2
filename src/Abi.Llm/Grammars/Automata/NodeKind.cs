namespace Abi.Llm.Grammars.Automata;

/// <summary>What a node of a <see cref="Pushdown"/> does.</summary>
internal enum NodeKind : byte
{
    /// <summary>Goes back to what the stack says.</summary>
    Return,

    /// <summary>Goes on at every target at once.</summary>
    Split,

    /// <summary>Takes a byte.</summary>
    Bytes,

    /// <summary>Takes a whole token.</summary>
    Tokens,

    /// <summary>Runs a rule, then goes on.</summary>
    Call,

    /// <summary>Runs a body a counted number of times, then goes on.</summary>
    Counted,
}
