using Abi.Compute.Cpu.Products.Formats;

namespace Abi.Compute.Cpu.Products.Int8;

/// <summary>
/// One row of activations against a packed panel, where no code is emitted (<see cref="Emission.PackedRows{TFormat}"/>): levels are made in registers, so that a row is not computed by way of memory.
/// The definition of an output's value is <see cref="Int8TileReference{TFormat}"/>.
/// </summary>
/// <remarks>Immutable and thread-safe.</remarks>
internal abstract unsafe class PackedRow
{
    /// <summary>The most rows for which this, once for each, is faster than a tile over unpacked panels: measured in 512 and 256 bits.</summary>
    public const int WorthRows = 2;

    /// <summary>What this process uses for a format's panels.</summary>
    /// <typeparam name="TFormat">The format.</typeparam>
    public static PackedRow Best<TFormat>()
        where TFormat : struct, ILevelFormat => Int8Choice<TFormat>.Row;

    /// <summary>What it is written for (<see cref="KernelPath"/>).</summary>
    public abstract string Path { get; }

    /// <summary>Computes the 64 outputs of a panel.</summary>
    /// <param name="packed">The panel.</param>
    /// <param name="blocks">Its blocks of 32 columns.</param>
    /// <param name="x">[blocks].</param>
    /// <param name="y">[64].</param>
    public abstract void Multiply(byte* packed, int blocks, ActivationBlock* x, float* y);
}
