namespace Abi.Compute.Cpu.Products;

/// <summary>A weight matrix W [rows, columns] made ready for products <c>y = x Wᵀ</c> on the CPU, in whatever layout its kernels read fastest.</summary>
/// <remarks>
/// Immutable and thread-safe. An element of y is the same bits whatever the number of rows of x, the range of outputs, the thread and the instruction set: its terms are added in
/// the ascending order of columns (<see cref="ActivationForm.Float32"/>: one chain of fused multiply-adds) or of blocks of 32 columns (<see cref="ActivationForm.Int8"/>: exact
/// integers within a block); in bfloat16, in the order of pairs of columns, of each the odd one first.
/// </remarks>
internal abstract unsafe class ProductMatrix : IDisposable
{
    /// <summary>The outputs of a row.</summary>
    public abstract int Rows { get; }

    /// <summary>The columns of a row.</summary>
    public abstract int Columns { get; }

    /// <summary>What rows of x must be given as.</summary>
    public abstract ActivationForm Form { get; }

    /// <summary>The least number of outputs that is worth a claim of its own, and what ranges of outputs must start at a multiple of.</summary>
    public abstract int Granularity { get; }

    /// <summary>The kernels that its products take.</summary>
    public abstract ProductKernels Kernels { get; }

    /// <summary>The bytes of weights that are packed so far.</summary>
    public abstract long PackedBytes { get; }

    /// <summary>The bytes that this object holds besides the mapped file.</summary>
    public abstract long OwnBytes { get; }

    /// <summary>The bytes of scratch that one <see cref="Multiply"/> needs, aligned to 64 bytes.</summary>
    public abstract int ScratchBytes { get; }

    /// <summary>Computes outputs [first, first + count) of every row: <c>y[r][o] = x[r] · W[o]</c>.</summary>
    /// <param name="x">The rows in the form asked for: [rows] pointers, each aligned to 64 bytes.</param>
    /// <param name="y">Where each row's outputs go: [rows] pointers to [<see cref="Rows"/>] floats.</param>
    /// <param name="rows">The number of rows.</param>
    /// <param name="first">The first output, a multiple of <see cref="Granularity"/>.</param>
    /// <param name="count">The number of outputs.</param>
    /// <param name="scratch">[<see cref="ScratchBytes"/>], the caller's alone meanwhile.</param>
    public abstract void Multiply(byte** x, float** y, int rows, int first, int count, byte* scratch);

    /// <summary>Asks memory for a piece of what <see cref="Multiply"/> reads of the outputs [first, first + count), so that it is there when it is needed.</summary>
    /// <param name="first">The first output, a multiple of <see cref="Granularity"/>.</param>
    /// <param name="count">The number of outputs.</param>
    /// <param name="offset">Where the piece begins, in bytes, a multiple of 64.</param>
    /// <param name="bytes">How long it is at most.</param>
    /// <returns>Whether there is more behind it.</returns>
    public abstract bool Prefetch(int first, int count, int offset, int bytes);

    /// <summary>Frees what it holds; a second call does nothing.</summary>
    public abstract void Dispose();
}
