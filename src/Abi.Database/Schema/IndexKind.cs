namespace Abi.Database;

/// <summary>How a vector field is searched.</summary>
public enum IndexKind
{
    /// <summary>Exactly while the collection is small, by a graph from 10,000 vectors on, by a graph on disk when the vectors take more memory than <see cref="DatabaseOptions.VectorMemoryBytes"/>.</summary>
    Automatic,

    /// <summary>Exactly: every vector is compared.</summary>
    Flat,

    /// <summary>By a hierarchical navigable small-world graph (Malkov and Yashunin, 2016): approximate, much faster on many vectors.</summary>
    Hnsw,

    /// <summary>
    /// By an inverted file with product quantization (Jégou, Douze and Schmid, 2011) from 10,000 vectors on, for <see cref="VectorElement.Float32"/>: a byte for every four elements in memory, the floats in
    /// the mapped file, where the best candidates are compared exactly. For collections whose vectors do not fit in memory.
    /// </summary>
    IvfPq,

    /// <summary>
    /// By a graph on disk (Vamana, of Jayaram Subramanya et al., "DiskANN", 2019) from 10,000 vectors on, for <see cref="VectorElement.Float32"/>: a byte for every four elements in memory, and links and
    /// floats side by side in the mapped file, where what the walk meets is compared exactly. For collections whose vectors do not fit in memory. What came since the last checkpoint is in a graph in
    /// memory.
    /// </summary>
    DiskAnn,
}
