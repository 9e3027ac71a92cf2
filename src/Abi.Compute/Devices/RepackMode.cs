namespace Abi.Compute.Devices;

/// <summary>When weights are rearranged into the layout that kernels read fastest.</summary>
public enum RepackMode
{
    /// <summary>At the first use of each tensor.</summary>
    Lazy,

    /// <summary>When the graph is lowered.</summary>
    AtLoad,

    /// <summary>Never: kernels read the mapped file.</summary>
    Never,
}
