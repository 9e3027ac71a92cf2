using Abi.Compute.Cpu.Plans;

namespace Abi.Compute.Cpu.Rows;

/// <summary>The token rows whose output is wanted.</summary>
internal sealed unsafe class SelectRow(Slot x, Slot result) : RowOperation
{
    public override string Name => "SelectOutputs";

    public override int Cost => result.Width;

    public override void Run(StepFrame frame, int first, int end, int worker)
    {
        for (var row = first; row < end; row++)
        {
            new ReadOnlySpan<float>(x.Row(frame.Inputs.OutputRows[row]), result.Width).CopyTo(new Span<float>(result.Row(row), result.Width));
        }
    }
}
