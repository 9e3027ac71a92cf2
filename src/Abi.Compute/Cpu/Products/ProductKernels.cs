using Abi.Compute.Formats;

namespace Abi.Compute.Cpu.Products;

/// <summary>The kernels that a matrix's products take, for who watches: each gives the same bits.</summary>
/// <param name="Weights">The format of the weights.</param>
/// <param name="Activations">What rows are given as.</param>
/// <param name="FewRows">The path of a few rows together, as in decoding (<see cref="KernelPath"/>).</param>
/// <param name="Rows">The path of many, as in prompts.</param>
internal sealed record ProductKernels(TensorType Weights, ActivationForm Activations, string FewRows, string Rows);
