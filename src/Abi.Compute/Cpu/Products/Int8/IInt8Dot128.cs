using System.Runtime.Intrinsics;

namespace Abi.Compute.Cpu.Products.Int8;

/// <summary>Products of unsigned and signed bytes, four at a time added to an integer, 4 outputs wide.</summary>
internal interface IInt8Dot128
{
    /// <summary>Whether levels that use all 8 bits are taken as 128 more than they stand for.</summary>
    static abstract bool TakesOffset { get; }

    /// <summary>sum[i] + Σ levels[4 i + j] × x[4 i + j].</summary>
    /// <param name="sum">[4].</param>
    /// <param name="levels">[4][4], unsigned.</param>
    /// <param name="x">[4][4], from −127 to 127.</param>
    /// <param name="fullRange">Whether levels above 127 occur.</param>
    static abstract Vector128<int> Add(Vector128<int> sum, Vector128<byte> levels, Vector128<sbyte> x, bool fullRange);
}
