using System.Runtime.Intrinsics;
using Abi.Compute.Cpu.Kernels;

namespace Abi.Compute.Cpu.Products.Float32;

/// <summary>Rows of float32 activations against a panel [columns][64 outputs] of float32 weights: each output is one chain of fused multiply-adds over ascending columns.</summary>
/// <remarks>Immutable and thread-safe.</remarks>
internal abstract unsafe class FloatTile
{
    /// <summary>What this process uses.</summary>
    public static FloatTile Best { get; } =
        Vector512.IsHardwareAccelerated ? new FloatTile<Lanes16, Vector512<float>>(KernelPath.Avx512)
        : Vector256.IsHardwareAccelerated ? new FloatTile<Lanes8, Vector256<float>>(KernelPath.Avx2)
        : new FloatTile<Lanes4, Vector128<float>>(KernelPath.Portable);

    /// <summary>What it is written for (<see cref="KernelPath"/>).</summary>
    public abstract string Path { get; }

    /// <summary>The rows of one call of <see cref="Several"/>.</summary>
    public abstract int Height { get; }

    /// <summary>Computes the outputs of one row.</summary>
    /// <param name="panel">[columns][64], aligned to 64 bytes.</param>
    /// <param name="columns">The columns.</param>
    /// <param name="x">The row's first column.</param>
    /// <param name="y">[64].</param>
    /// <param name="accumulate">Whether to go on from what stands in the outputs.</param>
    public abstract void One(float* panel, int columns, float* x, float* y, bool accumulate);

    /// <summary>Computes the outputs of <see cref="Height"/> rows.</summary>
    /// <param name="panel">[columns][64], aligned to 64 bytes.</param>
    /// <param name="columns">The columns.</param>
    /// <param name="x">The rows: [Height] pointers.</param>
    /// <param name="firstColumn">Where in the rows the columns begin.</param>
    /// <param name="y">[Height] pointers.</param>
    /// <param name="to">Where in y the outputs begin.</param>
    /// <param name="accumulate">Whether to go on from what stands in the outputs.</param>
    public abstract void Several(float* panel, int columns, float** x, int firstColumn, float** y, int to, bool accumulate);

    /// <summary>Computes the outputs of any number of rows, <see cref="Height"/> at a time as far as that goes.</summary>
    /// <param name="panel">[columns][64], aligned to 64 bytes.</param>
    /// <param name="columns">The columns.</param>
    /// <param name="x">The rows: [rows] pointers.</param>
    /// <param name="firstColumn">Where in the rows the columns begin.</param>
    /// <param name="y">[rows] pointers.</param>
    /// <param name="to">Where in y the outputs begin.</param>
    /// <param name="rows">The rows.</param>
    /// <param name="accumulate">Whether to go on from what stands in the outputs.</param>
    public void All(float* panel, int columns, float** x, int firstColumn, float** y, int to, int rows, bool accumulate)
    {
        var row = 0;
        for (; row + Height <= rows; row += Height)
        {
            Several(panel, columns, x + row, firstColumn, y + row, to, accumulate);
        }

        for (; row < rows; row++)
        {
            One(panel, columns, x[row] + firstColumn, y[row] + to, accumulate);
        }
    }
}
