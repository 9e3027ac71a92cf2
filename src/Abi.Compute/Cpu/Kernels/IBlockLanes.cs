namespace Abi.Compute.Cpu.Kernels;

/// <summary>A register of floats, as wide as the machine has them: what <see cref="BlockAttentionKernels"/> is compiled for. A lane's arithmetic is the same in each.</summary>
/// <typeparam name="TVector">The register.</typeparam>
internal unsafe interface IBlockLanes<TVector>
{
    /// <summary>The number of lanes: 8 or 16.</summary>
    static abstract int Count { get; }

    /// <summary>Loads so many floats.</summary>
    static abstract TVector Load(float* from);

    /// <summary>Stores them.</summary>
    static abstract void Store(TVector lanes, float* to);

    /// <summary>The same number in every lane.</summary>
    static abstract TVector Create(float value);

    /// <summary><c>a × b</c>.</summary>
    static abstract TVector Multiply(TVector a, TVector b);

    /// <summary><c>a × b + c</c>, rounded once.</summary>
    static abstract TVector Fma(TVector a, TVector b, TVector c);

    /// <summary>Signed bytes as floats.</summary>
    static abstract TVector Signed(byte* levels);

    /// <summary>The low halves of bytes, less 8, as floats.</summary>
    static abstract TVector Low(byte* levels);

    /// <summary>The high halves of bytes, less 8, as floats.</summary>
    static abstract TVector High(byte* levels);
}
