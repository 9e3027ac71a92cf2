using Abi.Compute.Formats;

namespace Abi.Compute.Cpu.Products.Formats;

/// <summary>
/// A quantised format as integers: element = scale × level + minimum, where a level fits 8 bits and 32 elements share one scale, or 16 elements each of two. Kernels are generic
/// over it, so the JIT makes one loop nest for each format.
/// </summary>
internal unsafe interface ILevelFormat
{
    /// <summary>The number of the format in GGUF files.</summary>
    static abstract TensorType Type { get; }

    /// <summary>How many elements one block of the format holds: a multiple of 32.</summary>
    static abstract int BlockLength { get; }

    /// <summary>How many bytes one block takes.</summary>
    static abstract int BlockBytes { get; }

    /// <summary>What is added to levels to make them unsigned: 2 to this power; negative where they are unsigned as they are.</summary>
    static abstract int OffsetShift { get; }

    /// <summary>The scales of 32 elements: 1 or 2.</summary>
    static abstract int Scales { get; }

    /// <summary>Whether each scale has a minimum beside it.</summary>
    static abstract bool HasMinimum { get; }

    /// <summary>The bits that a level takes when packed: 1 to 6 or 8.</summary>
    static abstract int CodeBits { get; }

    /// <summary>How scales are kept when packed.</summary>
    static abstract ScaleForm ScaleForm { get; }

    /// <summary>The levels behind packed codes, at most 16; empty where a code is the level plus the offset.</summary>
    static virtual ReadOnlySpan<sbyte> Table => default;

    /// <summary>
    /// Where in a block of 32 its codes lie just as they are packed (nibbles of columns j and j + 16, or signed bytes), behind a scale and minimum of half precision, or a power of two in a byte; −1 where they do not.
    /// Codes of 5 bits have the fifth of all columns in the 4 bytes before.
    /// </summary>
    static virtual int CodesAt => -1;

    /// <summary>With <see cref="ScaleForm.Super"/>: scales are whole multiples of the unit times this power of two.</summary>
    static virtual float UnitFactor => 1;

    /// <summary>With <see cref="ScaleForm.Super"/>: the half-precision unit of a block's scales.</summary>
    static virtual ushort Unit(byte* block) => 0;

    /// <summary>With <see cref="ScaleForm.Super"/>: the half-precision unit of a block's negative minimums.</summary>
    static virtual ushort MinimumUnit(byte* block) => 0;

    /// <summary>Whether the format has <see cref="SplitWhole"/>: blocks of 256 with <see cref="ScaleForm.Super"/> and a factor of one.</summary>
    static virtual bool HasWholeScales => false;

    /// <summary>Splits one block with its scales as whole multiples of its units, which is how they are packed.</summary>
    /// <param name="block">[<see cref="BlockBytes"/>].</param>
    /// <param name="levels">Receives the levels, or where the format has a <see cref="Table"/> their codes: [256].</param>
    /// <param name="scales">Receives multiples of <see cref="Unit"/>: [8 × Scales].</param>
    /// <param name="minimums">Receives multiples of the negative <see cref="MinimumUnit"/> where the format has minimums: [8 × Scales].</param>
    static virtual void SplitWhole(byte* block, sbyte* levels, sbyte* scales, sbyte* minimums) => throw new NotSupportedException();

    /// <summary>Splits one block of the format.</summary>
    /// <param name="block">[<see cref="BlockBytes"/>].</param>
    /// <param name="levels">Receives the levels, signed or unsigned as the format has them: [<see cref="BlockLength"/>].</param>
    /// <param name="scales">Receives [BlockLength / 32 × Scales].</param>
    /// <param name="minimums">Receives as many minimums where the format has them.</param>
    static abstract void Split(byte* block, sbyte* levels, float* scales, float* minimums);
}
