using System.Runtime.InteropServices;

namespace Abi.Compute.Cpu.Products.Emission;

/// <summary>What one call reads: up to six rows of activations against a panel of 64 outputs in 16 bits. Emitted code knows the offsets of the fields.</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct HalfRowsArguments
{
    /// <summary>[Columns][64] halves, or [pairs of columns][64][2] bfloat16s.</summary>
    public byte* Panel;

    /// <summary>The columns, or the pairs of them, at least 1.</summary>
    public nint Columns;

    /// <summary>Not 0 to go on from what stands in the outputs.</summary>
    public nint Accumulate;

    /// <summary>The rows: pointers to [Columns] float32s or pairs of bfloat16s.</summary>
    public fixed long X[HalfRowsProgram.MostRows];

    /// <summary>Where outputs go: pointers to [64] floats.</summary>
    public fixed long Y[HalfRowsProgram.MostRows];
}
