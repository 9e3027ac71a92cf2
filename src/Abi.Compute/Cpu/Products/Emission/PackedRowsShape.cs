using System.Runtime.InteropServices;
using Abi.Compute.Cpu.Products.Formats;
using Abi.Compute.Cpu.Products.Packing;

namespace Abi.Compute.Cpu.Products.Emission;

/// <summary>What the code of a <see cref="PackedRowsProgram"/> depends on of a format: the layout is that of <see cref="PackedPanel{TFormat}"/>, for formats that there are and for any other.</summary>
/// <param name="CodeBits">The bits of a packed code.</param>
/// <param name="ScaleForm">Not <see cref="ScaleForm.Power"/>.</param>
/// <param name="Scales">The scales of a block.</param>
/// <param name="HasMinimum">Whether each has a minimum.</param>
/// <param name="OffsetShift">The offset of levels, as a power of two.</param>
/// <param name="HasTable">Whether codes name levels.</param>
/// <param name="Ahead">How far ahead of reading memory is asked for, in bytes.</param>
[StructLayout(LayoutKind.Auto)]
internal readonly record struct PackedRowsShape(int CodeBits, ScaleForm ScaleForm, int Scales, bool HasMinimum, int OffsetShift, bool HasTable, int Ahead)
{
    /// <summary>What is true of a format.</summary>
    public static PackedRowsShape Of<TFormat>()
        where TFormat : struct, ILevelFormat =>
        new(TFormat.CodeBits, TFormat.ScaleForm, TFormat.Scales, TFormat.HasMinimum, TFormat.OffsetShift, !TFormat.Table.IsEmpty, PackedPanel<TFormat>.Ahead);

    /// <summary>The bytes of codes of a block.</summary>
    public int CodeBytes => 64 * CodeBits;

    /// <summary>Whether the scales of a block lie behind its codes.</summary>
    public bool IsInterleaved => ScaleForm != ScaleForm.Super && BlockScaleBytes % 64 == 0;

    /// <summary>The bytes from the codes of a block to those of the next.</summary>
    public int BlockBytes => CodeBytes + (IsInterleaved ? BlockScaleBytes : 0);

    /// <summary>Whether a scale and its minimum are the halves of a byte.</summary>
    public bool HasSharedByte => Scales == 2 && HasMinimum;

    /// <summary>The scales and minimums of a block.</summary>
    public int Factors => Scales * (HasMinimum ? 2 : 1);

    /// <summary>The bytes of scales of a block.</summary>
    public int BlockScaleBytes => ScaleForm switch
    {
        ScaleForm.Half => 32 * Factors,
        ScaleForm.Super => 16 * (HasSharedByte ? 2 : Factors),
        _ => 64 * Factors,
    };

    /// <summary>The bytes of the units of scales and minimums of a group, which stand before its scales.</summary>
    public int UnitBytes => ScaleForm == ScaleForm.Super ? HasMinimum ? 64 : 32 : 0;
}
