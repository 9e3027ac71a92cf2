namespace Abi.Compute.Cpu.Products.Int8;

/// <summary>Products of unsigned and signed bytes, four at a time added to the integer of a lane: what <see cref="Int8Tile{TFormat, TDot, TIntegers, TLanes, TFloats}"/> is compiled for.</summary>
/// <typeparam name="TIntegers">A register of integers: [lanes].</typeparam>
internal interface IInt8Dot<TIntegers>
{
    /// <summary>The instructions that it takes (<see cref="KernelPath"/>).</summary>
    static abstract string Path { get; }

    /// <summary>Whether levels that use all 8 bits are taken as 128 more than they stand for.</summary>
    static abstract bool TakesOffset { get; }

    /// <summary>sum[i] + Σ levels[i][j] × x[i][j].</summary>
    /// <param name="sum">[lanes].</param>
    /// <param name="levels">[lanes][4], unsigned bytes.</param>
    /// <param name="x">[lanes][4], bytes from −127 to 127.</param>
    /// <param name="fullRange">Whether levels above 127 occur.</param>
    static abstract TIntegers Add(TIntegers sum, TIntegers levels, TIntegers x, bool fullRange);
}
