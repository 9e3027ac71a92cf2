namespace Abi.Compute.Cpu.Rows;

/// <summary>What picks a table's entry.</summary>
internal enum EmbedIndex
{
    /// <summary>The token id.</summary>
    Id,

    /// <summary>The position plus an offset.</summary>
    Position,

    /// <summary>The offset alone.</summary>
    Constant,
}
