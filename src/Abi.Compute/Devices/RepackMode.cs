namespace Abi.Compute.Devices;

/// <summary>When weights are rearranged into the layout that kernels read fastest.</summary>
public enum RepackMode
{
    /// <summary>At the second use of each tensor, so that a first token does not wait for it.</summary>
    Lazy,

    /// <summary>When the graph is lowered.</summary>
    AtLoad,

    /// <summary>Never: kernels read the mapped file.</summary>
    Never,
}
