using Abi.Compute.Cpu.Kernels;
using Abi.Compute.Cpu.Plans;
using Abi.Compute.Graphs;

namespace Abi.Compute.Cpu.Rows;

/// <summary>A scale that depends on the row's position.</summary>
internal sealed unsafe class ScalePositionRow(ScaleByPosition operation, Slot x, Slot result) : ElementOperation(nameof(ScaleByPosition), result)
{
    public override void Apply(StepFrame frame, int row, int first, int count)
    {
        var factor = 1 + (operation.Factor * MathF.Log(1 + MathF.Floor((frame.Inputs.Positions[frame.Inputs.TokenRow(x.Rows, row)] + operation.Offset) / operation.Interval)));
        ElementKernels.Map(x.Row(row) + first, Result.Row(row) + first, count, new ScaleLanes(factor, 0));
    }
}
