using Abi.Compute.Cpu.Products;

namespace Abi.Compute.Cpu.Plans;

/// <summary>One matrix of a product stage: what it reads and where its outputs go.</summary>
/// <param name="Matrix">The matrix.</param>
/// <param name="Input">The rows it is multiplied with.</param>
/// <param name="Segment">Which segment of them.</param>
/// <param name="Output">The value that its outputs are columns of.</param>
/// <param name="FirstColumn">The first of those columns.</param>
internal sealed record ProductPart(ProductMatrix Matrix, PreparedRows Input, int Segment, Slot Output, int FirstColumn);
