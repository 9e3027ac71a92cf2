namespace Abi.Llm.Grammars.Automata;

/// <summary>What a <see cref="PushdownState"/> holds, to look for one without making it.</summary>
internal readonly ref struct PushdownStateView(ReadOnlySpan<int> nodes, ReadOnlySpan<StackSet> stacks, bool isAccepting, bool isReturning)
{
    public ReadOnlySpan<int> Nodes { get; } = nodes;

    public ReadOnlySpan<StackSet> Stacks { get; } = stacks;

    public bool IsAccepting { get; } = isAccepting;

    public bool IsReturning { get; } = isReturning;
}
