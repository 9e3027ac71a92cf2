using Microsoft.Extensions.Logging;

namespace Abi.Compute.Devices;

/// <summary>How a graph is lowered.</summary>
public sealed record LoweringOptions
{
    /// <summary>How activations are rounded before they meet weights.</summary>
    public ActivationPrecision Activations { get; init; } = ActivationPrecision.Int8;

    /// <summary>The most token rows of one step; scratch is sized for it.</summary>
    public int MaximumRows { get; init; } = 512;

    /// <summary>The most rows whose output one step gives.</summary>
    public int MaximumOutputs { get; init; } = 512;

    /// <summary>The most sequences of one step.</summary>
    public int MaximumSequences { get; init; } = 64;

    /// <summary>When weights are rearranged for the device.</summary>
    public RepackMode Repack { get; init; } = RepackMode.Lazy;

    /// <summary>Where the device says what it made of the graph; null for nowhere.</summary>
    public ILogger? Logger { get; init; }
}
