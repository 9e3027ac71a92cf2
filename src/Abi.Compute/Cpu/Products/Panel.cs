namespace Abi.Compute.Cpu.Products;

/// <summary>What weights are cut into: outputs that are computed together, over all columns.</summary>
internal static class Panel
{
    /// <summary>The outputs of a panel: four vectors of 16 floats.</summary>
    public const int Outputs = 64;

    /// <summary>The outputs of a group, whose codes and levels lie together.</summary>
    public const int GroupOutputs = 16;
}
