namespace Abi.Compute.Cpu.Kernels;

/// <summary>A register of floats: what kernels of several widths are compiled for. A lane's arithmetic is the same in each.</summary>
/// <typeparam name="TVector">The register.</typeparam>
internal unsafe interface ILanes<TVector>
{
    /// <summary>The number of lanes.</summary>
    static abstract int Count { get; }

    /// <summary>Loads so many floats.</summary>
    static abstract TVector Load(float* from);

    /// <summary>Loads so many halves, widened.</summary>
    static abstract TVector LoadHalves(Half* from);

    /// <summary>Stores them.</summary>
    static abstract void Store(TVector lanes, float* to);

    /// <summary>The same number in every lane.</summary>
    static abstract TVector Create(float value);

    /// <summary><c>a × b</c>.</summary>
    static abstract TVector Multiply(TVector a, TVector b);

    /// <summary><c>a × b + c</c>, rounded once.</summary>
    static abstract TVector Fma(TVector a, TVector b, TVector c);
}
