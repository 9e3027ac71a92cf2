using System.Runtime.InteropServices;
using Abi.Compute.Cpu.Products.Formats;
using Abi.Compute.Cpu.Products.Int8;

namespace Abi.Compute.Cpu.Products.Emission;

/// <summary>What the code of integer tiles depends on of a format.</summary>
/// <param name="OffsetShift">The offset of levels, as a power of two; negative for none.</param>
/// <param name="Scales">The scales of a block.</param>
/// <param name="HasMinimum">Whether each has a minimum.</param>
/// <param name="GreatestLevel">The greatest unsigned level.</param>
[StructLayout(LayoutKind.Auto)]
internal readonly record struct Int8TileShape(int OffsetShift, int Scales, bool HasMinimum, int GreatestLevel)
{
    private const int LevelBytes = Panel.Outputs * ActivationBlock.Columns;

    private const int ScaleBytes = Panel.Outputs * sizeof(float);

    /// <summary>The bytes of a block, an <see cref="Int8Panel{TFormat}"/>'s record.</summary>
    public int RecordBytes => LevelBytes + (Scales * (HasMinimum ? 2 : 1) * ScaleBytes);

    /// <summary>What is true of a format.</summary>
    public static Int8TileShape Of<TFormat>()
        where TFormat : struct, ILevelFormat =>
        new(TFormat.OffsetShift, TFormat.Scales, TFormat.HasMinimum, LevelPairs.Greatest(TFormat.CodeBits, TFormat.OffsetShift, !TFormat.Table.IsEmpty));

    /// <summary>Where in a record an output's levels of four columns are.</summary>
    /// <param name="output">The output.</param>
    /// <param name="j">The four columns.</param>
    public static int LevelsAt(int output, int j) => (512 * (output / 16)) + (64 * j) + (4 * (output % 16));

    /// <summary>Where in a record an output's scale is; minimums follow scales.</summary>
    /// <param name="scale">The scale, or a minimum.</param>
    /// <param name="output">The output.</param>
    public static int ScaleAt(int scale, int output) => LevelBytes + (scale * ScaleBytes) + (output * sizeof(float));
}
