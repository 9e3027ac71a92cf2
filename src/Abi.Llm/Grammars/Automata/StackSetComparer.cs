namespace Abi.Llm.Grammars.Automata;

/// <summary>Equal stack sets hold the same frames over the same sets.</summary>
internal sealed class StackSetComparer : IEqualityComparer<StackSet>, IAlternateEqualityComparer<StackSetView, StackSet>
{
    public static StackSetComparer Instance { get; } = new();

    public bool Equals(StackSet? x, StackSet? y) => ReferenceEquals(x, y) || (x is not null && y is not null && Equals(View(x), y));

    public bool Equals(StackSetView alternate, StackSet other) =>
        alternate.HasEmpty == other.HasEmpty && alternate.Frames.SequenceEqual(other.Frames) && alternate.Below.SequenceEqual(other.Below);

    public int GetHashCode(StackSet obj) => GetHashCode(View(obj));

    public int GetHashCode(StackSetView alternate)
    {
        var hash = new HashCode();
        hash.Add(alternate.HasEmpty);
        for (var i = 0; i < alternate.Frames.Length; i++)
        {
            hash.Add(alternate.Frames[i]);
            hash.Add(alternate.Below[i].Id);
        }

        return hash.ToHashCode();
    }

    public StackSet Create(StackSetView alternate) => throw new NotSupportedException("A set of stacks is made by its space, which numbers it.");

    private static StackSetView View(StackSet set) => new(set.HasEmpty, set.Frames, set.Below);
}
