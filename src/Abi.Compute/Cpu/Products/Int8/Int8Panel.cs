namespace Abi.Compute.Cpu.Products.Int8;

/// <summary>Sizes that panels of all formats share.</summary>
internal static class Int8Panel
{
    /// <summary>The outputs of a panel: four vectors of 16 floats.</summary>
    public const int Outputs = 64;

    /// <summary>The most blocks of 32 columns of a panel: 256 columns, so that it stays in the innermost cache.</summary>
    public const int MaximumBlocks = 8;
}
