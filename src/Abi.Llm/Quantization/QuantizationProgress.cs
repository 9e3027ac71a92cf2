using System.Runtime.InteropServices;
using Abi.Compute.Formats;

namespace Abi.Llm.Quantization;

/// <summary>How far quantising is.</summary>
/// <param name="Tensor">The tensor at hand.</param>
/// <param name="From">The format it has.</param>
/// <param name="To">The format it gets.</param>
/// <param name="TensorsDone">How many tensors are done.</param>
/// <param name="TensorCount">How many there are.</param>
/// <param name="Fraction">0 to 1, of the elements of the whole model.</param>
[StructLayout(LayoutKind.Auto)]
public readonly record struct QuantizationProgress(string Tensor, TensorType From, TensorType To, int TensorsDone, int TensorCount, double Fraction);
