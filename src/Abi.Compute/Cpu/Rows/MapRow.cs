using Abi.Compute.Cpu.Kernels;
using Abi.Compute.Cpu.Plans;

namespace Abi.Compute.Cpu.Rows;

/// <summary>A function of each element.</summary>
internal sealed unsafe class MapRow<TFunction>(string name, Slot x, Slot result, TFunction function) : ElementOperation(name, result)
    where TFunction : struct, ILaneFunction
{
    public override void Apply(StepFrame frame, int row, int first, int count) =>
        ElementKernels.Map(x.Row(row) + first, Result.Row(row) + first, count, function);
}
