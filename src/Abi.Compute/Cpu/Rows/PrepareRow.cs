using Abi.Compute.Cpu.Plans;
using Abi.Compute.Cpu.Products;

namespace Abi.Compute.Cpu.Rows;

/// <summary>Brings a value's rows, or segments of them, into the form that matrices ask for.</summary>
internal sealed unsafe class PrepareRow(PreparedRows prepared) : RowOperation
{
    public override string Name => $"prepare {prepared.Form} of {prepared.Source.Name}";

    public override int Cost => 2 * prepared.Source.Width;

    public override void Run(StepFrame frame, int first, int end, int worker)
    {
        for (var row = first; row < end; row++)
        {
            for (var segment = 0; segment < prepared.Segments; segment++)
            {
                ActivationRows.Prepare(prepared.Form, prepared.Source.Row(row) + (segment * prepared.Columns), prepared.Columns, prepared.Row(row, segment));
            }
        }
    }
}
