namespace Abi.Database;

/// <summary>How a vector field is searched.</summary>
public enum IndexKind
{
    /// <summary>Exactly while the collection is small, by a graph from 10,000 vectors on.</summary>
    Automatic,

    /// <summary>Exactly: every vector is compared.</summary>
    Flat,

    /// <summary>By a hierarchical navigable small-world graph (Malkov and Yashunin, 2016): approximate, much faster on many vectors.</summary>
    Hnsw,
}
