using System.Runtime.Intrinsics;

namespace Abi.Compute.Cpu.Products.Int8;

/// <summary>Products of unsigned and signed bytes, four at a time added to an integer, 8 outputs wide.</summary>
internal interface IInt8Dot256
{
    /// <summary>The instructions that it takes (<see cref="KernelPath"/>).</summary>
    static abstract string Path { get; }

    /// <summary>Whether levels that use all 8 bits are taken as 128 more than they stand for.</summary>
    static abstract bool TakesOffset { get; }

    /// <summary>sum[i] + Σ levels[4 i + j] × x[4 i + j].</summary>
    /// <param name="sum">[8].</param>
    /// <param name="levels">[8][4], unsigned.</param>
    /// <param name="x">[8][4], from −127 to 127.</param>
    /// <param name="fullRange">Whether levels above 127 occur.</param>
    static abstract Vector256<int> Add(Vector256<int> sum, Vector256<byte> levels, Vector256<sbyte> x, bool fullRange);
}
