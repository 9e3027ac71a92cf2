namespace Abi.Compute.Cpu.Products.Emission;

/// <summary>What became of a kernel that was written as machine code.</summary>
internal enum EmissionOutcome
{
    /// <summary>It equalled its definition, and is used.</summary>
    Used,

    /// <summary>It gave other bits than its definition, and is not used.</summary>
    Wrong,

    /// <summary>The system allows no code to be made.</summary>
    Forbidden,
}
