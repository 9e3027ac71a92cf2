namespace Abi.Database.Indexes;

/// <summary>
/// A graph and what it lacks, published together: every vector of a field is in one or the other, at any moment. A reader that took them one after the other could take what waited before the graph
/// was there, and the graph with its first nodes.
/// </summary>
/// <param name="Graph">The graph; null while every search is a scan.</param>
/// <param name="Pending">The slots that wait for it.</param>
internal sealed record GraphView(NearIndex? Graph, PendingSlots Pending)
{
    public static GraphView None { get; } = new(null, PendingSlots.Empty);
}
