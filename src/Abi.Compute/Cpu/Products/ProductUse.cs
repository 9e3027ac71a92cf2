namespace Abi.Compute.Cpu.Products;

/// <summary>How much goes by the same kernels.</summary>
/// <param name="Kernels">The kernels.</param>
/// <param name="Matrices">The matrices that take them, each counted once however many models share it.</param>
/// <param name="PackedBytes">The bytes of their weights that are packed so far.</param>
internal sealed record ProductUse(ProductKernels Kernels, int Matrices, long PackedBytes);
