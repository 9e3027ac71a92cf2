using Abi.Compute.Cpu.Products;

namespace Abi.Compute.Cpu.Plans;

/// <summary>One tensor of experts in an expert stage.</summary>
/// <param name="experts">The matrix of each expert.</param>
/// <param name="output">Where the outputs go: [rows, used × outputs].</param>
/// <param name="bias">[experts, outputs], or null.</param>
internal sealed unsafe class ExpertPart(ProductMatrix[] experts, Slot output, float* bias)
{
    public ProductMatrix[] Experts { get; } = experts;

    public Slot Output { get; } = output;

    public float* Bias { get; } = bias;

    public int Outputs => Experts[0].Rows;
}
