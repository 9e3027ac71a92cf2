using System.Runtime.InteropServices;
using Abi.Compute.Cpu.Products.Formats;
using Abi.Compute.Cpu.Products.Packing;

namespace Abi.Compute.Cpu.Products.Emission;

/// <summary>What the code of a <see cref="PackedRowsProgram"/> depends on of a format.</summary>
/// <param name="Layout">How panels lie in memory; scales are not <see cref="ScaleForm.Power"/>.</param>
/// <param name="OffsetShift">The offset of levels, as a power of two.</param>
/// <param name="HasTable">Whether codes name levels.</param>
[StructLayout(LayoutKind.Auto)]
internal readonly record struct PackedRowsShape(PackedLayout Layout, int OffsetShift, bool HasTable)
{
    /// <summary>What is true of a format.</summary>
    public static PackedRowsShape Of<TFormat>()
        where TFormat : struct, ILevelFormat =>
        new(PackedPanel<TFormat>.Layout, TFormat.OffsetShift, !TFormat.Table.IsEmpty);
}
