namespace Abi.Database.Rows;

/// <summary>The sections of a graph file (kind 2): the graph, the inverted file or the graph on disk, of one vector field over the slots of a rows file. Derived: when it is damaged or missing, it is built anew.</summary>
internal static class GraphFile
{
    public const int Kind = 2;

    /// <summary>Section: i64 [4]: rows, connections, entry point, bytes of a row of codes.</summary>
    public const long Parameters = 1;

    /// <summary>Section: byte [rows], the level of each node; 255: not in the graph.</summary>
    public const long Levels = 2;

    /// <summary>Section: i32 [rows, 2 M], the links of level 0.</summary>
    public const long Links = 3;

    /// <summary>Section: i32, the links of the levels above, node by node.</summary>
    public const long UpperLinks = 4;

    /// <summary>Section: the codes of a quantized field, a row a slot.</summary>
    public const long Codes = 5;

    /// <summary>Section, of an inverted file only: i64 [2]: rows, how many vectors it was learnt for.</summary>
    public const long InvertedParameters = 6;

    /// <summary>Section: f32 [cells, dimensions].</summary>
    public const long Cells = 7;

    /// <summary>Section: f32, the points of each part of the product quantizer, part by part.</summary>
    public const long Parts = 8;

    /// <summary>Section: i32 [rows], the cell of each row, or -1.</summary>
    public const long CellOf = 9;

    /// <summary>Section: byte [rows, parts].</summary>
    public const long PartCodes = 10;

    /// <summary>
    /// Section, of a graph on disk only: i64 [6]: rows, links of a node, entry point, how many vectors the codes were learnt for, the bits of the longest vector's norm (f32), bytes of a row. Such a
    /// file has <see cref="Parts"/> and <see cref="PartCodes"/>, too; every row with a vector is a node.
    /// </summary>
    public const long DiskParameters = 11;

    /// <summary>Section: the nodes, as <see cref="Indexes.DiskNodeLayout"/> has them.</summary>
    public const long DiskNodes = 12;
}
