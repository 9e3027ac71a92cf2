using Abi.Compute.Cpu.Kernels;
using Abi.Compute.Cpu.Plans;

namespace Abi.Compute.Cpu.Rows;

/// <summary>A function of each pair of elements of two values.</summary>
internal sealed unsafe class MapRows<TFunction>(string name, Slot a, Slot b, Slot result, TFunction function) : ElementOperation(name, result)
    where TFunction : struct, ILaneFunction2
{
    public override void Apply(StepFrame frame, int row, int first, int count) =>
        ElementKernels.Map(a.Row(row) + first, b.Row(row) + first, Result.Row(row) + first, count, function);
}
