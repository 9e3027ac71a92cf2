using System.Runtime.InteropServices;

namespace Abi.Compute.Cpu.Products;

/// <summary>32 activations rounded to 8 bits, with all that a kernel of any weight format asks about them: one cache line, so that a row is one stream.</summary>
[StructLayout(LayoutKind.Explicit, Size = Bytes)]
internal unsafe struct ActivationBlock
{
    /// <summary>The columns of a block.</summary>
    public const int Columns = 32;

    /// <summary>The bytes of a block.</summary>
    public const int Bytes = 64;

    /// <summary>Where the scale is.</summary>
    public const int ScaleOffset = 32;

    private const int NegativeSumOffset = 36;

    private const int SumOffset = 40;

    private const int HalfNegativeSumsOffset = 44;

    private const int HalfSumsOffset = 52;

    /// <summary>From −127 to 127: [32].</summary>
    [FieldOffset(0)]
    public fixed sbyte Levels[Columns];

    /// <summary>What a level stands for: greatest magnitude / 127.</summary>
    [FieldOffset(ScaleOffset)]
    public float Scale;

    /// <summary>Minus the sum of the levels: shifted, it takes the offset of unsigned weights back.</summary>
    [FieldOffset(NegativeSumOffset)]
    public int NegativeSum;

    /// <summary>The sum of the levels, for weights with a minimum.</summary>
    [FieldOffset(SumOffset)]
    public float Sum;

    /// <summary>Minus the sums of each 16 levels: [2].</summary>
    [FieldOffset(HalfNegativeSumsOffset)]
    public fixed int HalfNegativeSums[2];

    /// <summary>The sums of each 16 levels: [2].</summary>
    [FieldOffset(HalfSumsOffset)]
    public fixed float HalfSums[2];

    /// <summary>Where the sum of the levels is that meet a scale of the weights.</summary>
    /// <param name="scale">The scale.</param>
    /// <param name="scales">How many there are in a block: 1 or 2.</param>
    public static int SumAt(int scale, int scales) => scales == 1 ? SumOffset : HalfSumsOffset + (sizeof(float) * scale);

    /// <summary>Where minus that sum is, as an integer.</summary>
    /// <param name="scale">The scale.</param>
    /// <param name="scales">How many there are in a block: 1 or 2.</param>
    public static int NegativeSumAt(int scale, int scales) => scales == 1 ? NegativeSumOffset : HalfNegativeSumsOffset + (sizeof(int) * scale);
}
