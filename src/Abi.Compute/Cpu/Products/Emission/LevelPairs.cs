using System.Numerics;

namespace Abi.Compute.Cpu.Products.Emission;

/// <summary>
/// How AVX2 multiplies levels with activations, which has no exact product of four bytes: pairs of products are added in 16 bits (vpmaddubsw), as many of them as the greatest level leaves
/// room for, and made 32 bits together (vpmaddwd). Levels that use all 8 bits are made signed, and their signs moved over to the activations.
/// </summary>
internal static class LevelPairs
{
    private const int GreatestPair = 2 * 127; // of two activations

    /// <summary>The greatest level that a format can have, without its sign if it uses all 8 bits.</summary>
    /// <param name="codeBits">The bits of a code.</param>
    /// <param name="offsetShift">The offset of levels, as a power of two.</param>
    /// <param name="hasTable">Whether codes name levels.</param>
    public static int Greatest(int codeBits, int offsetShift, bool hasTable) => offsetShift == 7 ? 128 : hasTable ? 2 << offsetShift : (1 << codeBits) - 1;

    /// <summary>How many pairs of an output fit 16 bits: 8, 4, 2 or 1.</summary>
    /// <param name="greatest">The greatest level.</param>
    public static int Together(int greatest) => (int)Math.Min(8, BitOperations.RoundUpToPowerOf2((uint)(short.MaxValue / (greatest * GreatestPair)) + 1) / 2);

    /// <summary>
    /// Whether pairs of an output fit 16 bits only once the offset of the levels is taken back: sums modulo 2^16 are exact then, whatever they are on the way.
    /// </summary>
    /// <param name="greatest">The greatest level.</param>
    /// <param name="offsetShift">The offset of levels, as a power of two; negative for none.</param>
    /// <param name="pairs">The pairs.</param>
    public static bool FitCentred(int greatest, int offsetShift, int pairs) =>
        offsetShift is >= 0 and < 7 && Together(greatest) < pairs && Math.Max(1 << offsetShift, greatest - (1 << offsetShift)) * GreatestPair * pairs <= short.MaxValue;
}
