using Abi.Compute.Cpu.Products.Formats;

namespace Abi.Compute.Cpu.Products.Int8;

/// <summary>One to three rows of activations against a panel. The way of every kernel, and the definition of an output's value, is <see cref="Int8TileReference{TFormat}"/>.</summary>
/// <remarks>Immutable and thread-safe.</remarks>
internal abstract unsafe class Int8Tile
{
    /// <summary>What this process uses for a format's panels.</summary>
    /// <typeparam name="TFormat">The format.</typeparam>
    public static Int8Tile Best<TFormat>()
        where TFormat : struct, ILevelFormat => Int8Choice<TFormat>.Tile;

    /// <summary>What it is written for (<see cref="KernelPath"/>).</summary>
    public abstract string Path { get; }

    /// <summary>Computes the outputs of one row: X0, Y0.</summary>
    public abstract void One(Int8TileArguments* arguments);

    /// <summary>Computes the outputs of two rows.</summary>
    public abstract void Two(Int8TileArguments* arguments);

    /// <summary>Computes the outputs of three rows.</summary>
    public abstract void Three(Int8TileArguments* arguments);
}
