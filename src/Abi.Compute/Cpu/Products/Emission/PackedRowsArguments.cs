using System.Runtime.InteropServices;

namespace Abi.Compute.Cpu.Products.Emission;

/// <summary>What one call reads: a few rows of activations against whole pieces of a packed panel of 64 outputs. Emitted code knows the offsets of the fields.</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct PackedRowsArguments
{
    /// <summary>The first piece, as <see cref="Packing.PackedLayout"/> has it.</summary>
    public byte* Packed;

    /// <summary>The pieces, at least 1.</summary>
    public nint Pieces;

    /// <summary>The blocks of 32 columns of each piece, at least 1.</summary>
    public nint Blocks;

    /// <summary>From a group of 16 outputs to the next.</summary>
    public nint GroupBytes;

    /// <summary>The bytes of a piece's columns of a row: Blocks × 64.</summary>
    public nint XBytes;

    /// <summary>Vectors of 64 bytes: 15s, the masks of pairs and of single bits, the levels of codes, words of 1, and bytes of 128.</summary>
    public byte* Constants;

    /// <summary>What units of scales are multiplied with.</summary>
    public float UnitFactor;

    /// <summary>What units of minimums are multiplied with.</summary>
    public float MinimumFactor;

    /// <summary>The rows' first blocks: [8] pointers to <see cref="ActivationBlock"/>s.</summary>
    public fixed long X[PackedRowsProgram.MostRows];

    /// <summary>What outputs are added to: [8] pointers to [64] floats.</summary>
    public fixed long Y[PackedRowsProgram.MostRows];

    /// <summary>Room of code with few registers: units of scales and of minimums [2][2][8 outputs] as floats, then signed levels [8][32].</summary>
    public fixed byte Scratch[384];
}
