using Abi.Llm.Grammars.Masks;

namespace Abi.Llm.Grammars.Automata;

/// <summary>
/// Everywhere that a text can have led to: nodes that take a byte or a token, each with its stacks. Interned within its <see cref="StateSpace"/>: equal states are the
/// same object, so what is found out for one (next states, masks) is kept with it.
/// </summary>
internal sealed class PushdownState(StateSpace space, int[] nodes, StackSet[] stacks, bool isAccepting, bool isReturning, long distance)
{
    public StateSpace Space => space;

    /// <summary>The nodes, ascending.</summary>
    public int[] Nodes => nodes;

    /// <summary>The stacks of each node.</summary>
    public StackSet[] Stacks => stacks;

    /// <summary>Whether the text may end here.</summary>
    public bool IsAccepting => isAccepting;

    /// <summary>Whether a stack that is not known was returned to.</summary>
    public bool IsReturning => isReturning;

    /// <summary>Whether the text cannot have been right.</summary>
    public bool IsDead => nodes.Length == 0 && !isAccepting && !isReturning;

    /// <summary>Whether nothing can follow.</summary>
    public bool IsFinal => nodes.Length == 0;

    /// <summary>The fewest bytes to the end of a text.</summary>
    public long Distance => distance;

    /// <summary>The state after a byte of each class, as far as it was asked for; null before the first was.</summary>
    public PushdownState?[]? Next { get; set; }

    /// <summary>The state with counters no larger than a token can change; null until asked for.</summary>
    public PushdownState? Clamped { get; set; }

    /// <summary>The tokens that may follow; null until asked for.</summary>
    public TokenMask? Mask { get; set; }

    /// <summary>The tokens that may follow as far as the known part of the stack tells; null until asked for.</summary>
    public SymbolicMask? Symbolic { get; set; }

    /// <summary>The fewest tokens to the end of a text that are known of; <see cref="int.MaxValue"/> when none are known.</summary>
    public int Plan { get; set; } = int.MaxValue;

    /// <summary>Whether <see cref="Plan"/> has been looked for.</summary>
    public bool IsPlanned { get; set; }
}
