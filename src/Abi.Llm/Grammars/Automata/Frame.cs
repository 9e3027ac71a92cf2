using System.Runtime.InteropServices;

namespace Abi.Llm.Grammars.Automata;

/// <summary>What is to be done after a return: go on at a node, or count a repetition.</summary>
/// <param name="Node">The node to go on at, or the <see cref="NodeKind.Counted"/> node; -1 stands for a stack that is not known.</param>
/// <param name="Least">-1 to go on; else how many more repetitions must follow this one.</param>
/// <param name="Most">How many more may follow; -1 for any number.</param>
[StructLayout(LayoutKind.Auto)]
internal readonly record struct Frame(int Node, int Least, int Most) : IComparable<Frame>
{
    public static Frame Unknown => new(-1, -1, -1);

    public bool IsCounted => Least >= 0;

    public bool IsUnknown => Node < 0;

    public int CompareTo(Frame other) => Node != other.Node ? Node.CompareTo(other.Node) : Least != other.Least ? Least.CompareTo(other.Least) : Most.CompareTo(other.Most);
}
