namespace Abi.Compute.Cpu.Kernels;

/// <summary>8 or 16 lanes, which <see cref="BlockAttentionKernels"/> reads levels into.</summary>
/// <typeparam name="TVector">The register.</typeparam>
internal unsafe interface IBlockLanes<TVector> : ILanes<TVector>
{
    /// <summary>Signed bytes as floats.</summary>
    static abstract TVector Signed(byte* levels);

    /// <summary>The low halves of bytes, less 8, as floats.</summary>
    static abstract TVector Low(byte* levels);

    /// <summary>The high halves of bytes, less 8, as floats.</summary>
    static abstract TVector High(byte* levels);
}
