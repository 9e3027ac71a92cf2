namespace Abi.Compute.Cpu.Products.Packing;

/// <summary>What whoever wants a panel has to do.</summary>
internal enum PanelClaim
{
    /// <summary>Nothing: it is packed.</summary>
    Made,

    /// <summary>Pack it into its place, and call <see cref="PanelStore.Finish"/>.</summary>
    Make,

    /// <summary>Pack it aside, for this use only, and call <see cref="PanelStore.FinishAside"/>.</summary>
    MakeAside,
}
