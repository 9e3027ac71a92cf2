namespace Abi.Compute.Cpu.Products.Int8;

/// <summary>What panels of integer tiles have in common, whatever their format.</summary>
internal static class Int8Panel
{
    /// <summary>The most blocks of 32 columns of a panel: 256 columns, so that it stays in the innermost cache.</summary>
    public const int MaximumBlocks = 8;
}
