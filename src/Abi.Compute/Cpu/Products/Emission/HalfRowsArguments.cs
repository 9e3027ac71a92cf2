using System.Runtime.InteropServices;

namespace Abi.Compute.Cpu.Products.Emission;

/// <summary>What one call reads: up to three rows of float32 activations against a panel of 64 outputs in half precision.</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct HalfRowsArguments
{
    /// <summary>[Columns][64] halves.</summary>
    public byte* Panel;

    /// <summary>The columns, at least 1.</summary>
    public nint Columns;

    /// <summary>The rows: [Columns] each.</summary>
    public float* X0;

    public float* X1;

    public float* X2;

    /// <summary>Where outputs go: [64] each.</summary>
    public float* Y0;

    public float* Y1;

    public float* Y2;

    /// <summary>Not 0 to go on from what stands in the outputs.</summary>
    public nint Accumulate;
}
