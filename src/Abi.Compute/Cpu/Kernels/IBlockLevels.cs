namespace Abi.Compute.Cpu.Kernels;

/// <summary>How levels of a format lie in a panel of <see cref="BlockPageKernels"/>, read a register at a time.</summary>
internal unsafe interface IBlockLevels
{
    /// <summary>The bytes of 32 positions' blocks.</summary>
    static abstract int PanelBytes { get; }

    /// <summary>The bytes of two columns of keys: [2, 32 positions].</summary>
    static abstract int PairBytes { get; }

    /// <summary>The bytes of one position's value: [32 columns].</summary>
    static abstract int RowBytes { get; }

    /// <summary>The first column of a pair, from a position on.</summary>
    /// <param name="pair">The pair's bytes, advanced by the position.</param>
    static abstract TVector First<TLanes, TVector>(byte* pair)
        where TLanes : struct, IBlockLanes<TVector>;

    /// <summary>The second column of a pair, from a position on.</summary>
    /// <param name="pair">The pair's bytes, advanced by the position.</param>
    static abstract TVector Second<TLanes, TVector>(byte* pair)
        where TLanes : struct, IBlockLanes<TVector>;

    /// <summary>Columns of a value's row from a column below 16 on.</summary>
    /// <param name="row">The row's bytes, advanced by the column.</param>
    static abstract TVector LowColumns<TLanes, TVector>(byte* row)
        where TLanes : struct, IBlockLanes<TVector>;

    /// <summary>Those 16 columns further on.</summary>
    /// <param name="row">The row's bytes, advanced by the column below 16.</param>
    static abstract TVector HighColumns<TLanes, TVector>(byte* row)
        where TLanes : struct, IBlockLanes<TVector>;
}
