namespace Abi.Llm.Grammars.Automata;

/// <summary>
/// A set of stacks, read from the top: the empty one or not, and for each frame the set of the stacks below it. Sets are interned, so equal sets are the same object: a
/// set is the smallest deterministic automaton of its stacks, and ambiguity that ends in the same place costs nothing.
/// </summary>
internal sealed class StackSet(int id, bool hasEmpty, Frame[] frames, StackSet[] below, int depth, long distance)
{
    public int Id => id;

    /// <summary>Whether the empty stack is in it.</summary>
    public bool HasEmpty => hasEmpty;

    /// <summary>The top frames, ascending.</summary>
    public Frame[] Frames => frames;

    /// <summary>The stacks below each frame.</summary>
    public StackSet[] Below => below;

    /// <summary>The longest stack.</summary>
    public int Depth => depth;

    /// <summary>The fewest bytes that empty a stack of it.</summary>
    public long Distance => distance;

    /// <summary>The state after a return; null until asked for.</summary>
    public PushdownState? Returned { get; set; }

    /// <summary>The same with counters no larger than a token can change; null until asked for.</summary>
    public StackSet? Clamped { get; set; }

    /// <summary>The counters on top over an unknown stack, and the stacks below them; null until asked for.</summary>
    public (StackSet Top, StackSet Bottom)? Peeled { get; set; }
}
