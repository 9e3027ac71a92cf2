using System.Runtime.InteropServices;

namespace Abi.Compute.Cpu.Products.Int8;

/// <summary>What one call of an integer tile reads: up to three rows of activations against a panel of 64 outputs. Emitted code knows the offsets of the fields.</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct Int8TileArguments
{
    /// <summary>[Blocks] records of an <see cref="Int8Panel{TFormat}"/>, aligned to 64 bytes.</summary>
    public byte* Panel;

    /// <summary>The blocks of 32 columns, 1 to <see cref="Int8Panel.MaximumBlocks"/>.</summary>
    public nint Blocks;

    /// <summary>The rows' first blocks: [Blocks] each.</summary>
    public ActivationBlock* X0;

    public ActivationBlock* X1;

    public ActivationBlock* X2;

    /// <summary>Where outputs go: [64] each.</summary>
    public float* Y0;

    public float* Y1;

    public float* Y2;

    /// <summary>Not 0 to go on from what stands in the outputs: the columns before have been added.</summary>
    public nint Accumulate;

    /// <summary>Room of emitted code: what the offsets of the levels add to pairs of columns, for each row's blocks: [3][<see cref="Int8Panel.MaximumBlocks"/>][16] words.</summary>
    public fixed short Offsets[3 * Int8Panel.MaximumBlocks * 16];
}
