namespace Abi.Database;

/// <summary>How a vector field is searched.</summary>
/// <param name="Name">The field.</param>
/// <param name="IndexKind"><see cref="IndexKind.Hnsw"/> when there is a graph, <see cref="IndexKind.IvfPq"/> when there is an inverted file, <see cref="IndexKind.DiskAnn"/> when there is a graph on disk, else <see cref="IndexKind.Flat"/>.</param>
/// <param name="Linked">Vectors in the graph.</param>
/// <param name="Pending">Vectors that the graph is still to get; searches compare them one by one, so they are found all the same.</param>
public sealed record VectorStatistics(string Name, IndexKind IndexKind, int Linked, int Pending)
{
    /// <summary>The bytes of memory that vectors, codes and graph take; what stands in mapped files, and is read when it is needed, is not counted.</summary>
    public long ResidentBytes { get; init; }

    /// <summary>Whether the graph is being built.</summary>
    public bool IsRebuilding => Pending > 0;
}
