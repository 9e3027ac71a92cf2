namespace Abi.Llm.Grammars.Automata;

/// <summary>
/// A grammar as a nondeterministic pushdown automaton over bytes: nodes of small kinds, where <see cref="NodeKind.Call"/> and <see cref="NodeKind.Counted"/> push and
/// node 0, the only <see cref="NodeKind.Return"/>, pops. Every node has a way to the end, and no node comes back to itself with a grown stack before a byte is taken.
/// </summary>
/// <remarks>Immutable once built.</remarks>
internal sealed class Pushdown
{
    public Pushdown(PushdownNode[] nodes, int start)
    {
        Nodes = nodes;
        Start = start;
        HasCounters = Array.Exists(nodes, node => node.Kind == NodeKind.Counted && node.Distance < PushdownNode.Endless);
        (ClassOf, Representatives) = Classify(nodes);
    }

    /// <summary>The nodes; node 0 returns.</summary>
    public PushdownNode[] Nodes { get; }

    public int Start { get; }

    public bool HasCounters { get; }

    /// <summary>For each byte its class: bytes of one class lead to the same places everywhere. [256]</summary>
    public byte[] ClassOf { get; }

    /// <summary>A byte of each class: [classes].</summary>
    public byte[] Representatives { get; }

    private static (byte[] ClassOf, byte[] Representatives) Classify(PushdownNode[] nodes)
    {
        var starts = new bool[257];
        starts[0] = true;
        foreach (var node in nodes)
        {
            foreach (var edge in node.Edges)
            {
                starts[edge.First] = true;
                starts[edge.Last + 1] = true;
            }
        }

        var classes = new byte[256];
        var representatives = new List<byte>();
        for (var value = 0; value < 256; value++)
        {
            if (starts[value])
            {
                representatives.Add((byte)value);
            }

            classes[value] = (byte)(representatives.Count - 1);
        }

        return (classes, [.. representatives]);
    }
}
