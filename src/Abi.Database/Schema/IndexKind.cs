namespace Abi.Database;

/// <summary>How a vector field is searched.</summary>
public enum IndexKind
{
    /// <summary>Exactly while the collection is small, by a graph from 10,000 vectors on, by an inverted file when the vectors would take more than half of the machine's memory.</summary>
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
}
