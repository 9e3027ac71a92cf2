namespace Abi.Compute.Cpu.Kernels;

/// <summary>A register of integers beside one of as many floats (<see cref="ILanes{TVector}"/>).</summary>
/// <typeparam name="TIntegers">The register of integers.</typeparam>
/// <typeparam name="TFloats">The register of floats.</typeparam>
internal unsafe interface IIntegerLanes<TIntegers, TFloats>
{
    /// <summary>The same integer in every lane.</summary>
    static abstract TIntegers CreateIntegers(int value);

    /// <summary>Four bytes a lane.</summary>
    static abstract TIntegers LoadBytes(byte* from);

    /// <summary>One signed byte a lane.</summary>
    static abstract TIntegers LoadSigned(byte* from);

    /// <summary>Stores them.</summary>
    static abstract void StoreBytes(TIntegers lanes, byte* to);

    /// <summary><c>a &amp; b</c>.</summary>
    static abstract TIntegers And(TIntegers a, TIntegers b);

    /// <summary><c>a | b</c>.</summary>
    static abstract TIntegers Or(TIntegers a, TIntegers b);

    /// <summary><c>a + b</c>.</summary>
    static abstract TIntegers Add(TIntegers a, TIntegers b);

    /// <summary>The greater of each lane.</summary>
    static abstract TIntegers Max(TIntegers a, TIntegers b);

    /// <summary>Shifts bits to the left, or to the right by a negative count; which bits come in is not said.</summary>
    static abstract TIntegers Shift(TIntegers lanes, int count);

    /// <summary>For each byte, 0 to 15, that byte of the table.</summary>
    /// <param name="table">Sixteen bytes, again and again.</param>
    /// <param name="bytes">Four bytes a lane.</param>
    static abstract TIntegers LookUp(TIntegers table, TIntegers bytes);

    /// <summary>The integers as floats.</summary>
    static abstract TFloats ToFloats(TIntegers integers);
}
