namespace Abi.Llm.Grammars.Automata;

/// <summary>Equal states stand at the same nodes over the same stacks.</summary>
internal sealed class PushdownStateComparer : IEqualityComparer<PushdownState>, IAlternateEqualityComparer<PushdownStateView, PushdownState>
{
    public static PushdownStateComparer Instance { get; } = new();

    public bool Equals(PushdownState? x, PushdownState? y) => ReferenceEquals(x, y) || (x is not null && y is not null && Equals(View(x), y));

    public bool Equals(PushdownStateView alternate, PushdownState other) =>
        alternate.IsAccepting == other.IsAccepting && alternate.IsReturning == other.IsReturning && alternate.Nodes.SequenceEqual(other.Nodes) && alternate.Stacks.SequenceEqual(other.Stacks);

    public int GetHashCode(PushdownState obj) => GetHashCode(View(obj));

    public int GetHashCode(PushdownStateView alternate)
    {
        var hash = new HashCode();
        hash.Add(alternate.IsAccepting);
        hash.Add(alternate.IsReturning);
        for (var i = 0; i < alternate.Nodes.Length; i++)
        {
            hash.Add(alternate.Nodes[i]);
            hash.Add(alternate.Stacks[i].Id);
        }

        return hash.ToHashCode();
    }

    public PushdownState Create(PushdownStateView alternate) => throw new NotSupportedException("A state is made by its space, which knows how far it is from the end.");

    private static PushdownStateView View(PushdownState state) => new(state.Nodes, state.Stacks, state.IsAccepting, state.IsReturning);
}
