using System.Runtime.Intrinsics;

namespace Abi.Compute.Cpu.Products.Int8;

/// <summary>Products of unsigned and signed bytes, four at a time added to an integer, 16 outputs wide.</summary>
internal interface IInt8Dot512
{
    /// <summary>Whether levels that use all 8 bits are taken as 128 more than they stand for.</summary>
    static abstract bool TakesOffset { get; }

    /// <summary>sum[i] + Σ levels[4 i + j] × x[4 i + j].</summary>
    /// <param name="sum">[16].</param>
    /// <param name="levels">[16][4], unsigned.</param>
    /// <param name="x">[16][4], from −127 to 127.</param>
    /// <param name="fullRange">Whether levels above 127 occur.</param>
    static abstract Vector512<int> Add(Vector512<int> sum, Vector512<byte> levels, Vector512<sbyte> x, bool fullRange);
}
