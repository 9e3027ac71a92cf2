namespace Abi.Database.Indexes;

/// <summary>
/// Where the nodes of a graph on disk stand: as many as fit in each page of 4 KiB, none across two; or, when one is larger, each in pages of its own. A node is its row, then its links: i32 [links], -1
/// behind the last.
/// </summary>
/// <param name="RowBytes">The bytes of a row.</param>
/// <param name="Links">The links of a node, at most.</param>
internal readonly record struct DiskNodeLayout(int RowBytes, int Links)
{
    public const int PageBytes = 4096;

    private const int Alignment = 64; // rows are read in whole vectors

    /// <summary>The bytes of a node, what it is padded with included.</summary>
    public int NodeBytes => (RowBytes + (Links * sizeof(int)) + Alignment - 1) & -Alignment;

    /// <summary>The nodes of a page; 1 when a node takes one or more.</summary>
    public int NodesPerPage => Math.Max(1, PageBytes / NodeBytes);

    /// <summary>The bytes from one page's first node to the next page's, for nodes that are larger than a page.</summary>
    private int PageStride => (NodeBytes + PageBytes - 1) / PageBytes * PageBytes;

    /// <summary>The bytes of all nodes below a number.</summary>
    public long BytesFor(int nodes) => (((long)nodes + NodesPerPage - 1) / NodesPerPage) * PageStride;

    /// <summary>Where a node begins.</summary>
    public long Offset(int node) => ((long)(node / NodesPerPage) * PageStride) + ((long)(node % NodesPerPage) * NodeBytes);
}
