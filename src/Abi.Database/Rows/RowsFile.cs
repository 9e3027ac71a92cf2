namespace Abi.Database.Rows;

/// <summary>The sections of a rows file (kind 1): all records of a collection that are live at a commit, in slots from 0 on.</summary>
internal static class RowsFile
{
    public const int Kind = 1;

    /// <summary>Section: the blocks of a <see cref="PayloadHeap"/>, one behind the other.</summary>
    public const long Payloads = 1;

    /// <summary>Section: i64 [rows], where each row's block begins in <see cref="Payloads"/>.</summary>
    public const long Offsets = 2;

    /// <summary>Section: i64 [rows], when each row is outlived; only for collections with a time to live.</summary>
    public const long Expires = 3;

    /// <summary>Section 16 + i: the elements of vector field i, each row in as many bytes as the section has of it. As first written; read only.</summary>
    public const long PlainVectors = 16;

    /// <summary>Section 96 + i: the rows of vector field i, as they stand in memory.</summary>
    public const long Vectors = 96;

    /// <summary>Section 64 + i: byte [rows], whether a row has vector i.</summary>
    public const long HasVector = 64;
}
