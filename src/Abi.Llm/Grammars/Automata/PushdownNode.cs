namespace Abi.Llm.Grammars.Automata;

/// <summary>A node of a <see cref="Pushdown"/>; which fields mean something depends on its kind.</summary>
internal sealed class PushdownNode
{
    /// <summary>Where there is no way to the end.</summary>
    public const long Endless = 1L << 50;

    public NodeKind Kind { get; init; }

    /// <summary>The rule that it was made for.</summary>
    public int Rule { get; init; }

    /// <summary>Split: where it goes on.</summary>
    public int[] Targets { get; set; } = [];

    /// <summary>Bytes: the bytes and where they lead.</summary>
    public ByteEdge[] Edges { get; set; } = [];

    /// <summary>Call, Counted: the first node of what is run.</summary>
    public int Callee { get; set; }

    /// <summary>Call, Counted, Tokens: what follows.</summary>
    public int Next { get; init; }

    /// <summary>Counted: at least so often.</summary>
    public int Minimum { get; init; }

    /// <summary>Counted: at most so often; -1 for any number.</summary>
    public int Maximum { get; init; }

    /// <summary>Tokens: the tokens taken, ascending, or with <see cref="IsNegated"/> those not taken.</summary>
    public int[] TokenIds { get; init; } = [];

    public bool IsNegated { get; init; }

    /// <summary>The fewest bytes (a whole token counts as one) until the return of the rule that it lies in.</summary>
    public long Distance { get; set; } = Endless;

    public static long Add(long a, long b) => Math.Min(Endless, a + b);

    public static long Multiply(long count, long distance) => distance == 0 || count == 0 ? 0 : distance >= Endless / count ? Endless : count * distance;
}
