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

    public const int ScaleOffset = 32;

    public const int NegativeSumOffset = 36;

    public const int SumOffset = 40;

    public const int HalfNegativeSumsOffset = 44;

    public const int HalfSumsOffset = 52;

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
}
